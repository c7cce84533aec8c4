use super::{Home, rooms};
use crate::admin::{
    CompanyRemove, LedgerList, PersonAdd, PersonDisable, PersonList, PersonReset, PersonState, RoomRemove,
};

fn add(id: &str, company: Option<&str>) -> PersonAdd {
    PersonAdd {
        id: id.parse().unwrap(),
        company: company.map(|id| id.parse().unwrap()),
        name: Some("山田 花子".to_owned()),
    }
}

#[tokio::test]
async fn a_person_is_added_reset_and_disabled_and_no_secret_is_told_twice() {
    let home = Home::new().await;
    let server = home.serve().await;
    let admin = home.admin();
    let first = admin.call(add("hanako", None)).await.unwrap();
    assert!(first.created && first.person.state == PersonState::Temporary, "{first:?}");
    assert_eq!(first.person.company.as_str(), "acme", "the only one");
    let password = first.password.unwrap();
    assert_eq!(first.totp_secret.as_ref().unwrap().expose().len(), 32);
    let url = first.totp_url.unwrap();
    assert!(url.expose().contains(first.totp_secret.as_ref().unwrap().expose()));
    let again = admin.call(add("hanako", Some("acme"))).await.unwrap();
    assert!(!again.created && again.password.is_none() && again.totp_url.is_none());
    let other = PersonAdd { name: None, ..add("hanako", None) };
    assert_eq!(admin.call(other).await.unwrap_err().exit_status(), 3);

    rooms(&admin).await;
    assert_eq!(admin.call(add("taro", None)).await.unwrap_err().code(), "company-wanted");
    assert_eq!(admin.call(add("taro", Some("gamma"))).await.unwrap_err().code(), "missing");
    admin.call(add("taro", Some("beta"))).await.unwrap();
    admin.call(RoomRemove { id: "gujo/1".parse().unwrap() }).await.unwrap();
    let used = admin.call(CompanyRemove { id: "beta".parse().unwrap() }).await.unwrap_err();
    assert_eq!((used.code(), used.exit_status()), ("in-use", 6), "taro works there");

    let reset = |totp| PersonReset { id: "hanako".parse().unwrap(), totp };
    let plain = admin.call(reset(false)).await.unwrap();
    assert!(plain.totp_secret.is_none() && plain.password.as_ref().unwrap() != &password);
    let whole = admin.call(reset(true)).await.unwrap();
    assert_ne!(whole.totp_secret, first.totp_secret);

    let disable = |id: &str, successor: Option<&str>| PersonDisable {
        id: id.parse().unwrap(),
        successor: successor.map(|id| id.parse().unwrap()),
    };
    for (successor, code) in [("nobody", "missing"), ("taro", "successor"), ("hanako", "successor")] {
        let refused = admin.call(disable("hanako", Some(successor))).await.unwrap_err();
        assert_eq!((refused.code(), refused.exit_status()), (code, 3), "{successor}");
    }
    admin.call(add("jiro", Some("acme"))).await.unwrap();
    let ended = admin.call(disable("hanako", Some("jiro"))).await.unwrap();
    assert!(ended.changed && ended.person.state == PersonState::Disabled);
    assert!(!admin.call(disable("hanako", None)).await.unwrap().changed);
    let refused = admin.call(reset(false)).await.unwrap_err();
    assert_eq!((refused.code(), refused.exit_status()), ("person-disabled", 6));

    let entries = admin.call(LedgerList { after: 0, since: None }).await.unwrap().items;
    let count = |kind: &str| entries.iter().filter(|entry| entry.kind == kind).count();
    assert_eq!((count("person.added"), count("person.reset"), count("person.disabled")), (3, 2, 1));
    server.stop().await;

    let server = home.serve().await;
    let people = admin.call(PersonList {}).await.unwrap().items;
    let shown: Vec<_> = people.iter().map(|person| (person.id.as_str(), person.state)).collect();
    let expected = [
        ("hanako", PersonState::Disabled),
        ("jiro", PersonState::Temporary),
        ("taro", PersonState::Temporary),
    ];
    assert_eq!(shown, expected);
    assert_eq!(people[0].successor.as_ref().unwrap().as_str(), "jiro");
    // Of the secrets nothing is in the ledger or in an answer.
    let told = serde_json::to_string(&(people, entries)).unwrap();
    let secrets = [password, plain.password.unwrap(), first.totp_secret.unwrap(), whole.totp_secret.unwrap()];
    for secret in secrets {
        assert!(!told.contains(secret.expose()), "{told}");
    }
    server.stop().await;
}
