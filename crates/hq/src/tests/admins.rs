use std::os::unix::fs::PermissionsExt as _;

use super::{Home, rooms};
use crate::admin::{
    Client, ClientError, CompanyAdd, CompanyRemove, LedgerExport, LedgerLines, LedgerList, LedgerVerify,
    NodeAddExternal, PolicyApply, PolicyShow, Problem, RoomAdd, RoomList, RoomRemove, StatusShow,
};
use crate::{InitError, ServeError, init, overlay};

#[tokio::test]
async fn a_second_init_is_refused_and_a_bad_one_leaves_nothing() {
    let home = Home::new().await;
    assert!(matches!(init(home.init_options()).await, Err(InitError::Exists { .. })));
    for name in ["hq.sqlite3", "hq/wireguard.key", "hq/signing.key", "hq/tls.key", "hq/tls.crt"] {
        let mode = std::fs::metadata(home.state().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let other = tempfile::tempdir().unwrap();
    let mut options = home.init_options();
    options.state = other.path().join("state");
    options.networks = vec!["10.88.7.0/24".parse().unwrap()];
    let error = init(options.clone()).await.unwrap_err();
    assert_eq!(error.exit_status(), 3);
    assert!(!options.state.exists());
}

#[tokio::test]
async fn the_overlay_is_known_with_and_without_its_file() {
    let home = Home::new().await;
    let (file, database) = (home.state().join("hq/overlay.json"), home.state().join("hq.sqlite3"));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let kept = std::fs::read(&database).unwrap();
    std::fs::write(&database, "not a database").unwrap();
    let known = overlay(&home.state()).await.unwrap();
    assert_eq!(known.len(), 2, "and the database was not opened");
    std::fs::write(&database, kept).unwrap();
    std::fs::write(&file, "{}").unwrap();
    assert_eq!(overlay(&home.state()).await.unwrap(), known);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(overlay(&home.state()).await.unwrap(), known, "one that an earlier version made");
}

#[tokio::test]
async fn an_admin_adds_removes_and_is_told_why_not() {
    let home = Home::new().await;
    let admin = home.admin();
    assert!(matches!(admin.call(StatusShow {}).await, Err(ClientError::NotRunning { .. })));
    let server = home.serve().await;
    rooms(&admin).await;
    let again = CompanyAdd { id: "acme".parse().unwrap(), name: None };
    assert!(!admin.call(again).await.unwrap().created);
    let other = CompanyAdd { id: "acme".parse().unwrap(), name: Some("Acme".to_owned()) };
    let error = admin.call(other).await.unwrap_err();
    assert_eq!((error.code(), error.exit_status()), ("exists", 3));
    let overlapping = RoomAdd {
        id: "kofu/307".parse().unwrap(),
        company: "acme".parse().unwrap(),
        prefix: Some("10.88.1.0/25".parse().unwrap()),
    };
    let error = admin.call(overlapping).await.unwrap_err();
    let ClientError::Refused(Problem::Overlap { owner, .. }) = &error else { panic!("{error:?}") };
    assert_eq!((owner.to_string().as_str(), error.exit_status()), ("room kofu/306", 3));
    let error = admin.call(CompanyRemove { id: "beta".parse().unwrap() }).await.unwrap_err();
    assert_eq!((error.code(), error.exit_status()), ("in-use", 6));
    admin.call(RoomRemove { id: "gujo/1".parse().unwrap() }).await.unwrap();
    admin.call(CompanyRemove { id: "beta".parse().unwrap() }).await.unwrap();
    assert_eq!(admin.call(RoomList {}).await.unwrap().items.len(), 1);

    let verified = admin.call(LedgerVerify {}).await.unwrap();
    assert!(verified.valid, "{verified:?}");
    let export = admin.call(LedgerExport {}).await.unwrap();
    let lines = admin.call(LedgerLines { after: 0 }).await.unwrap().items;
    assert_eq!(u64::try_from(lines.len()).unwrap(), export.records);
    let mut judge = hanare_ledger::ExportVerifier::new(Some(export.signing_key));
    judge.feed(export.header.as_bytes());
    for line in &lines {
        judge.feed(format!("{}\n", line.line).as_bytes());
    }
    let verdict = judge.finish(Some(&export.signature));
    assert!(matches!(verdict, hanare_ledger::Verdict::Valid { .. }), "{verdict:?}");
    server.stop().await;
    let server = home.serve().await;
    assert_eq!(admin.call(LedgerVerify {}).await.unwrap().head, verified.head);
    server.stop().await;
}

#[tokio::test]
async fn an_external_nodes_key_is_shown_once_and_kept_nowhere() {
    let home = Home::new().await;
    let server = home.serve().await;
    let admin = home.admin();
    rooms(&admin).await;
    let dns = vec!["10.88.0.1".parse().unwrap()];
    let ask = NodeAddExternal { room: "kofu/306".parse().unwrap(), name: "phone".parse().unwrap(), dns };
    let external = admin.call(ask.clone()).await.unwrap();
    assert_eq!(admin.call(ask).await.unwrap_err().exit_status(), 3);
    let value = |key: &str| {
        let line = external.wg_quick.lines().find(|line| line.starts_with(&format!("{key} = ")));
        line.unwrap_or_else(|| panic!("{key}")).split_once(" = ").unwrap().1.to_owned()
    };
    let private = hanare_model::PrivateKey::from_base64(&value("PrivateKey")).unwrap();
    assert_eq!(private.public(), external.node.public_key);
    assert!(value("Address").starts_with("10.88.1.1/32, fd"));
    assert!(value("AllowedIPs").starts_with("10.88.0.0/16, fd"));
    assert!(value("AllowedIPs").ends_with("192.168.10.0/24"));
    assert_eq!((value("Endpoint"), value("MTU")), ("192.0.2.1:51820".to_owned(), "1360".to_owned()));
    assert_eq!((value("PersistentKeepalive"), value("DNS")), ("25".to_owned(), "10.88.0.1".to_owned()));
    let peer = server.published().borrow().peers.peers[&external.node.public_key].clone();
    assert_eq!(peer.preshared_key.unwrap().expose_base64().as_str(), value("PresharedKey"));
    server.stop().await;
    let bytes = std::fs::read(home.state().join("hq.sqlite3")).unwrap();
    let key = value("PrivateKey").into_bytes();
    assert!(!bytes.windows(key.len()).any(|window| window == key));
}

#[tokio::test]
async fn a_policy_is_applied_whole_or_not() {
    let home = Home::new().await;
    let server = home.serve().await;
    let admin = home.admin();
    rooms(&admin).await;
    let closed = server.published().borrow().segmentation.clone();
    let rule = |to: &str| {
        format!(
            "version = 1\n[[allow]]\nfrom = \"company:acme\"\nto = \"{to}\"\nprotocol = \"any\"\nreason = \"x\"\n"
        )
    };
    let error = admin.call(PolicyApply { text: rule("room:kofu/9") }).await.unwrap_err();
    let ClientError::Refused(Problem::Policy { line: 4, column: 6, .. }) = error else { panic!("{error:?}") };
    let mut published = server.published();
    let started = std::time::Instant::now();
    let applied = admin.call(PolicyApply { text: rule("company:beta") }).await.unwrap();
    assert!(applied.changed && !applied.in_force, "nobody said that the firewall follows");
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "and an admin does not wait for ever");
    published.wait_for(|now| now.segmentation == applied.segmentation).await.unwrap();
    assert_ne!(applied.segmentation, closed);
    let (link, follow) = (server.plane(), server.published());
    let firewall = tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        link.applied(&follow.borrow());
    });
    let again = admin.call(PolicyApply { text: rule("company:beta") }).await.unwrap();
    assert!(!again.changed && again.in_force, "answered when the firewall had followed");
    assert!(firewall.is_finished());
    assert!(admin.call(PolicyShow {}).await.unwrap().in_force);
    assert_eq!(admin.call(PolicyShow {}).await.unwrap().text, rule("company:beta"));
    server.stop().await;
}

#[tokio::test]
async fn the_ledger_counts_the_devices_that_it_has_no_room_for() {
    let home = Home::new().await;
    let server = home.serve().await;
    let admin = home.admin();
    let reason = "x".repeat(400);
    let device = |number: usize| {
        format!(
            "[[device]]\nroom = \"rooms\"\nat = \"192.0.2.{number}\"\nprotocol = \"tcp\"\nports = [9100]\nreason = \"{reason}\"\n"
        )
    };
    for count in [2, 60] {
        let text = "version = 1\n".to_owned() + &(1..=count).map(device).collect::<String>();
        admin.call(PolicyApply { text }).await.unwrap();
        let entries = admin.call(LedgerList { after: 0, since: None }).await.unwrap().items;
        let data = &entries.iter().rev().find(|entry| entry.kind == "policy.applied").unwrap().data;
        assert_eq!(data["device_count"], count);
        let listed = data["devices"].as_array().unwrap().len();
        assert_eq!(listed, if count == 2 { 2 } else { 0 }, "all of them or none");
    }
    server.stop().await;
}

#[tokio::test]
async fn two_servers_do_not_share_a_state_and_long_paths_work() {
    let home = Home::new().await;
    let server = home.serve().await;
    let options = crate::ServeOptions {
        state: home.state(),
        runtime: home.runtime(),
        listen: "127.0.0.1:1".parse().unwrap(),
        api: "127.0.0.1:0".parse().unwrap(),
        interface: "hnhq0".to_owned(),
        credentials: None,
        bucket: None,
    };
    let second = crate::Server::start(options.clone()).await.err().unwrap();
    assert!(matches!(second, ServeError::Lock(_)), "{second:?}");
    server.stop().await;
    let long = home.directory.path().join("x".repeat(120));
    std::fs::create_dir_all(&long).unwrap();
    let server =
        crate::Server::start(crate::ServeOptions { runtime: long.clone(), ..options }).await.unwrap();
    assert!(!Client::new(&long).call(StatusShow {}).await.unwrap().forwarding);
    server.stop().await;
    assert!(!long.join("hq.sock").exists());
}
