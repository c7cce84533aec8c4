//! A site file says where it is wrong, and what it does not say is not known.

use super::*;

const EXAMPLE: &str = include_str!("../../../../policies/site.example.toml");

fn knows(zone: &str) -> bool {
    zone == "Asia/Tokyo"
}

fn read(text: &str) -> Result<Site, (usize, usize, SiteFault)> {
    Site::read(text, knows).map_err(|error| (error.position.line, error.position.column, error.fault))
}

/// The example with one text in another's place.
fn with(from: &str, to: &str) -> Result<Site, (usize, usize, SiteFault)> {
    assert!(EXAMPLE.contains(from), "{from}");
    read(&EXAMPLE.replacen(from, to, 1))
}

#[test]
fn the_example_is_read_whole() {
    let site = read(EXAMPLE).unwrap();
    assert_eq!((site.office.as_str(), site.time_zone.as_str()), ("kofu", "Asia/Tokyo"));
    assert_eq!(site.room.unwrap().to_string(), "kofu/306");
    let network = &site.networks[0];
    assert_eq!(network.gateway_mac.as_deref(), Some("02:00:00:00:00:01"));
    assert_eq!((network.prefixes.len(), network.gateway.len(), network.admin_ports.len()), (2, 2, 7));
    assert_eq!(site.persons[0].roles, [PersonRole::Attester]);
    assert_eq!(site.permission.unwrap().until.as_str(), "2027-03-31");
    assert_eq!((site.retention.footage_min_hours, site.clock_max_error_seconds), (Some(168), Some(1)));
    assert_eq!(site.dns.unwrap().resolvers.len(), 1);
    assert_eq!(site.tunnel.unwrap().public_samples.len(), 2);
}

#[test]
fn only_version_and_office_must_be_there() {
    let site = read("version = 1\noffice = \"kofu\"\n").unwrap();
    assert_eq!((site.time_zone.as_str(), site.networks.len(), site.dns), ("Asia/Tokyo", 0, None));
    assert!(matches!(read("version = 1\n"), Err((1, 1, SiteFault::Form(_)))));
    assert_eq!(read("version = 2\nnew = 1\n"), Err((1, 11, SiteFault::Version(2))));
}

#[test]
fn each_mistake_is_pointed_at() {
    let not = |wanted, text: &str| SiteFault::Not(wanted, text.to_owned());
    let fault = |from: &str, to: &str| with(from, to).unwrap_err();
    assert_eq!(fault("\"kofu\"", "\"Kofu\""), (3, 10, not(Wanted::Id, "Kofu")));
    assert_eq!(fault("kofu/306", "nara/306").2, SiteFault::OtherOffice("nara/306".to_owned()));
    assert_eq!(fault("kofu/306", "306").2, not(Wanted::Room, "306"));
    assert_eq!(fault("Asia/Tokyo", "Asia/Edo").2, not(Wanted::Zone, "Asia/Edo"));
    assert_eq!(fault("10.77.0.0/24", "10.77.0.1/24").2, not(Wanted::Prefix, "10.77.0.1/24"));
    assert_eq!(fault("10.77.0.0/24", "10.77.0.0/33").2, not(Wanted::Prefix, "10.77.0.0/33"));
    assert_eq!(fault("fd77::/64", "fd77::").2, not(Wanted::Prefix, "fd77::"));
    assert_eq!(fault("\"10.77.0.1\"", "\"10.77.0.256\"").2, not(Wanted::Address, "10.77.0.256"));
    assert_eq!(fault("02:00:00:00:00:01", "02:00:00:00:00").2, not(Wanted::Mac, "02:00:00:00:00"));
    assert_eq!(fault("udp/51820", "sctp/1").2, not(Wanted::Listener, "sctp/1"));
    assert_eq!(fault("udp/51820", "udp/0").2, not(Wanted::Listener, "udp/0"));
    assert_eq!(fault("10.90.0.1:443", "10.90.0.1").2, not(Wanted::Socket, "10.90.0.1"));
    assert_eq!(
        fault("network = \"business\"", "network = \"guest\"").2,
        SiteFault::NoNetwork("guest".to_owned())
    );
    assert_eq!(fault("by = \"sato\"", "by = \"ito\"").2, SiteFault::NoPerson("ito".to_owned()));
    assert_eq!(
        fault("until = 2027-03-31", "until = 2027-03-31T00:00:00Z").2,
        not(Wanted::Day, "2027-03-31T00:00:00Z")
    );
    assert!(matches!(fault("until = 2027-03-31", "until = 2027-02-30").2, SiteFault::Form(_)));
    assert!(matches!(fault("until = 2027-03-31", "until = \"2027-03-31\"").2, SiteFault::Form(_)));
    assert!(matches!(fault("\"attester\"", "\"king\"").2, SiteFault::Form(_)));
    assert!(matches!(fault("role = \"business\"", "role = \"fun\"").2, SiteFault::Form(_)));
    assert_eq!(fault("min_days = 90", "min_days = 0").2, SiteFault::Number { given: 0, most: 3650 });
    assert_eq!(fault("甲府テレワークヴィレッジ", " ").2, SiteFault::Empty);
    let twice = format!("{EXAMPLE}\n[[person]]\nid = \"sato\"\n");
    assert_eq!(read(&twice).unwrap_err().2, SiteFault::Twice("sato".to_owned()));
    let unknown = format!("colour = 1\n{EXAMPLE}");
    assert!(matches!(read(&unknown), Err((1, 1, SiteFault::Form(_)))));
    let long = format!("{EXAMPLE}# {}\n", "x".repeat(MAX_LEN));
    assert_eq!(read(&long).unwrap_err().2, SiteFault::TooLong(long.len()));
}

/// The schema is for editors; where both can speak they must say the same.
#[test]
fn the_schema_knows_every_key() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../../policies/site.schema.json")).unwrap();
    let example: toml::Table = toml::from_str(EXAMPLE).unwrap();
    for (name, value) in &example {
        let known = &schema["properties"][name];
        assert!(known.is_object(), "{name}");
        let table = value.as_table().or_else(|| value.as_array().and_then(|array| array[0].as_table()));
        let form = if value.is_array() { &known["items"] } else { known };
        for key in table.into_iter().flat_map(toml::Table::keys) {
            assert!(form["properties"].get(key).is_some(), "{name}.{key}");
        }
    }
}
