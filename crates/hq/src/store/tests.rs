use super::*;
use crate::registry::{CompanyRow, PolicyRow};

fn settings() -> Settings {
    let overlay = hanare_model::plan::Overlay::new(
        "10.88.0.0/16".parse().unwrap(),
        "fd00:1:2::/48".parse().unwrap(),
        &[],
    );
    Settings {
        overlay: overlay.unwrap(),
        endpoints: vec!["hq.example.jp:51820".parse().unwrap()],
        networks: Vec::new(),
        internet: hanare_model::Internet::None,
        dns: Vec::new(),
        mtu: 1360,
        created_at: Timestamp::from_seconds(1),
    }
}

async fn fresh(directory: &tempfile::TempDir) -> (PathBuf, Store) {
    let path = directory.path().join(FILE_NAME);
    let mut store = Store::create(&path).await.unwrap();
    store.commit(Some(&settings()), &[], Vec::new(), &SigningKey::from_seed([1; 32])).await.unwrap();
    (path, store)
}

fn company(id: &str) -> Change {
    let created_at = Timestamp::from_seconds(2);
    Change::Company(CompanyRow { id: id.parse().unwrap(), name: id.to_owned(), created_at })
}

#[tokio::test]
async fn every_statement_is_accepted_by_the_database() {
    use sqlx::{Executor as _, SqlSafeStr as _};
    let directory = tempfile::tempdir().unwrap();
    let (_, mut store) = fresh(&directory).await;
    for statement in sql::ALL.into_iter().chain([sql::SELECT_VERSION]) {
        let prepared = (&mut store.connection).prepare(statement.into_sql_str()).await;
        assert!(prepared.is_ok(), "{statement}: {:?}", prepared.err());
    }
}

#[tokio::test]
async fn a_database_is_private_and_durable() {
    let directory = tempfile::tempdir().unwrap();
    let (path, mut store) = fresh(&directory).await;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let synchronous: i64 =
        sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut store.connection).await.unwrap();
    let keys: i64 = sqlx::query_scalar("PRAGMA foreign_keys").fetch_one(&mut store.connection).await.unwrap();
    let journal: String =
        sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut store.connection).await.unwrap();
    assert_eq!((synchronous, keys, journal.as_str()), (2, 1, "wal"));
}

#[tokio::test]
async fn a_failed_commit_leaves_nothing_and_the_ledger_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let (path, mut store) = fresh(&directory).await;
    let key = SigningKey::from_seed([1; 32]);
    let entry = |kind: &str| Entry {
        at: Timestamp::from_seconds(3),
        actor: "uid 0".to_owned(),
        kind: kind.to_owned(),
        subject: "x".to_owned(),
        data: serde_json::json!({}),
    };
    store.commit(None, &[company("a")], vec![entry("one")], &key).await.unwrap();
    let twice = store.commit(None, &[company("b"), company("a")], vec![entry("two")], &key).await;
    assert!(twice.is_err());
    store.commit(None, &[company("c")], vec![entry("three")], &key).await.unwrap();
    store.close().await.unwrap();
    let mut store = Store::open(&path).await.unwrap();
    let registry = store.load(Timestamp::from_seconds(4)).await.unwrap();
    assert_eq!(registry.companies.keys().map(ToString::to_string).collect::<Vec<_>>(), ["a", "c"]);
    let lines = store.ledger(0, None).await.unwrap();
    let verdict = hanare_ledger::verify(lines.iter().map(|(_, line)| line.as_str()), &key.verify_key());
    assert_eq!(verdict, hanare_ledger::Verdict::Valid { head: store.head() });
    assert_eq!(lines.len(), 2);
}

#[tokio::test]
async fn a_newer_a_damaged_and_a_missing_database_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let (path, mut store) = fresh(&directory).await;
    sqlx::query("INSERT INTO _sqlx_migrations VALUES (99, 'later', 0, TRUE, x'00', 0)")
        .execute(&mut store.connection)
        .await
        .unwrap();
    store.close().await.unwrap();
    assert!(matches!(Store::open(&path).await, Err(StoreError::Newer { found: 99, .. })));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, [&[0x55; 4096], &bytes[4096..]].concat()).unwrap();
    assert!(matches!(Store::open(&path).await, Err(StoreError::Damaged { .. })));
    let missing = directory.path().join("none");
    assert!(matches!(Store::open(&missing).await, Err(StoreError::Absent { .. })));
}

#[tokio::test]
async fn a_policy_that_this_version_does_not_read_is_no_policy_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let (_, mut store) = fresh(&directory).await;
    let key = SigningKey::from_seed([1; 32]);
    for (text, is_read) in [("version = 1\n", true), ("version = 1\n[[wider]]\n", false)] {
        let row = PolicyRow { text: text.to_owned(), applied_at: Timestamp::from_seconds(2) };
        store.commit(None, &[Change::Policy(row)], Vec::new(), &key).await.unwrap();
        let loaded = store.load(Timestamp::from_seconds(3)).await;
        assert_eq!(loaded.is_ok(), is_read, "{text}");
        assert!(is_read || matches!(loaded, Err(StoreError::Damaged { .. })));
    }
}

#[tokio::test]
async fn an_older_database_is_kept_before_it_is_migrated() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE_NAME);
    std::fs::write(&path, b"").unwrap();
    // A database of the first version with a company in it, which has not left the log yet.
    let first = MIGRATIONS.migrations.first().unwrap().clone();
    let version = first.version;
    let older = Migrator { migrations: vec![first].into(), ..Migrator::DEFAULT };
    let mut before = Store::connect(&path).await.unwrap();
    older.run(&mut before.connection).await.unwrap();
    let company = "INSERT INTO company (id, name, created_at) VALUES ('aoba', '青葉', 7)";
    sqlx::query(company).execute(&mut before.connection).await.unwrap();
    let mut store = Store::open(&path).await.unwrap();
    assert_eq!(store.version().await.unwrap(), known_version());
    let name = "SELECT name FROM company WHERE id = 'aoba'";
    let migrated: String = sqlx::query_scalar(name).fetch_one(&mut store.connection).await.unwrap();
    store.close().await.unwrap();

    // The backup is by itself what was there: whole, of the old version, and with everything in it.
    let backup = directory.path().join(format!("hq.sqlite3.schema-{version}.backup"));
    assert_eq!(std::fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    let mut kept = Store::connect(&backup).await.unwrap();
    kept.check().await.unwrap();
    assert_eq!(kept.version().await.unwrap(), version);
    let backed_up: String = sqlx::query_scalar(name).fetch_one(&mut kept.connection).await.unwrap();
    assert_eq!((migrated.as_str(), backed_up.as_str()), ("青葉", "青葉"));
}

#[tokio::test]
async fn a_database_held_by_somebody_else_is_locked_and_a_full_disk_is_full() {
    let directory = tempfile::tempdir().unwrap();
    let (path, mut store) = fresh(&directory).await;
    let key = SigningKey::from_seed([1; 32]);
    let mut other = Store::connect(&path).await.unwrap();
    sqlx::query("PRAGMA busy_timeout = 50").execute(&mut store.connection).await.unwrap();
    let held = other.connection.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let refused = store.commit(None, &[company("a")], Vec::new(), &key).await;
    assert!(matches!(refused, Err(StoreError::Locked { .. })), "{refused:?}");
    held.rollback().await.unwrap();
    store.commit(None, &[company("b")], Vec::new(), &key).await.unwrap();
    sqlx::query("PRAGMA max_page_count = 1").execute(&mut store.connection).await.unwrap();
    let big = Change::Policy(PolicyRow { text: "x".repeat(300_000), applied_at: Timestamp::from_seconds(1) });
    let full = store.commit(None, &[big], Vec::new(), &key).await;
    assert!(matches!(full, Err(StoreError::DiskFull { .. })), "{full:?}");
    store.commit(None, &[company("a")], Vec::new(), &key).await.unwrap();
}
