use ipnet::IpNet;

use super::*;
use crate::device::Device;
use crate::filter::{Flow, PortRange};
use crate::lease::Internet;
use crate::unlock::{MAX_GAP, MAX_SECONDS, Who};

fn nets(list: &[&str]) -> Vec<IpNet> {
    list.iter().map(|net| net.parse().unwrap()).collect()
}

fn site() -> Site {
    let room = |id: &str, company: &str, prefixes: &[&str]| Resident {
        room: id.parse().unwrap(),
        company: company.parse().unwrap(),
        prefixes: nets(prefixes),
    };
    Site {
        interface: "hnhq0".to_owned(),
        overlay: nets(&["10.88.0.0/16", "fd00::/48"]),
        own: vec!["10.88.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
        api_port: 51821,
        networks: nets(&["192.168.10.0/24"]),
        dns: Vec::new(),
        internet: Internet::None,
        companies: vec!["a".parse().unwrap(), "b".parse().unwrap(), "c".parse().unwrap()],
        rooms: vec![
            room("kofu/1", "a", &["10.88.1.0/24", "fd00:0:0:2::/64"]),
            room("kofu/2", "b", &["10.88.2.0/24"]),
            room("gujo/1", "a", &["10.88.3.0/24"]),
        ],
    }
}

fn crosses(segmentation: &crate::Segmentation, from: &str, to: &str) -> bool {
    let (from, to): (std::net::IpAddr, std::net::IpAddr) = (from.parse().unwrap(), to.parse().unwrap());
    let holds = |nets: &[IpNet], address| nets.iter().any(|net| net.contains(&address));
    segmentation.forward.iter().any(|flow: &Flow| holds(&flow.from, from) && holds(&flow.to, to))
}

#[test]
fn without_a_policy_a_room_reaches_itself_and_headquarters_only() {
    let made = compile(&Policy::default(), &site());
    assert!(crosses(&made, "10.88.1.1", "10.88.1.2"));
    assert!(crosses(&made, "10.88.1.1", "192.168.10.9"));
    for (from, to) in [
        ("10.88.1.1", "10.88.2.1"),
        ("10.88.1.1", "10.88.3.1"),
        ("192.168.10.9", "10.88.1.1"),
        ("10.88.1.1", "198.51.100.1"),
        ("10.88.1.1", "192.168.11.1"),
    ] {
        assert!(!crosses(&made, from, to), "{from} {to}");
    }
    assert_eq!(made.input.len(), 2);
    assert!(!made.masquerade);
}

#[test]
fn the_resolvers_of_a_lease_answer_whatever_else_is_closed() {
    let policy: Policy = "version = 1\n[defaults]\nhq = \"closed\"\nnetworks = \"closed\"\n".parse().unwrap();
    let dns = vec!["10.88.0.1".parse().unwrap(), "192.168.10.53".parse().unwrap()];
    let made = compile(&policy, &Site { dns, ..site() });
    let port = |service: &Service| matches!(service, Service::Udp { ports } if ports == &[PortRange { first: 53, last: 53 }]);
    let open =
        |flows: &[Flow], to: &str| flows.iter().any(|flow| port(&flow.service) && flow.to == nets(&[to]));
    assert!(open(&made.input, "10.88.0.1/32"));
    assert!(open(&made.forward, "192.168.10.53/32"));
    assert!(!crosses(&made, "10.88.1.1", "192.168.10.9"));
}

#[test]
fn a_rule_opens_one_direction_by_one_service() {
    let policy: Policy = "version = 1\n[[allow]]\nfrom = \"company:a\"\nto = [\"room:kofu/2\", \"hq\"]\nprotocol = \"udp\"\nports = [53, \"8000-8100\"]\nreason = \"name service\"\n"
        .parse()
        .unwrap();
    assert!(unknown(&policy, &site()).is_empty());
    let made = compile(&policy, &site());
    assert!(crosses(&made, "10.88.3.1", "10.88.2.1") && !crosses(&made, "10.88.2.1", "10.88.3.1"));
    let ports = vec![PortRange { first: 53, last: 53 }, PortRange { first: 8000, last: 8100 }];
    assert_eq!(made.forward.last().unwrap().service, Service::Udp { ports: ports.clone() });
    assert_eq!(made.input.last().unwrap().service, Service::Udp { ports });
}

#[test]
fn services_are_listed_by_name_when_networks_are_closed() {
    let text = "version = 1\n[defaults]\nhq = \"closed\"\nnetworks = \"closed\"\n[[service]]\nname = \"files\"\nat = \"network:192.168.10.5\"\nprotocol = \"tcp\"\nports = [445]\n[[allow]]\nfrom = \"rooms\"\nto = \"service:files\"\nreason = \"file server\"\n";
    let made = compile(&text.parse().unwrap(), &site());
    assert!(crosses(&made, "10.88.2.1", "192.168.10.5") && !crosses(&made, "10.88.2.1", "192.168.10.6"));
    let api = PortRange { first: 51821, last: 51821 };
    assert_eq!(made.input.last().unwrap().service, Service::Tcp { ports: vec![api] });
}

#[test]
fn the_internet_is_neither_a_room_nor_a_private_network() {
    let made = compile(&Policy::default(), &Site { internet: Internet::ViaHq, ..site() });
    assert!(made.masquerade && crosses(&made, "10.88.1.1", "198.51.100.1"));
    for to in ["10.88.2.1", "10.1.1.1", "192.168.11.1", "172.20.0.1", "169.254.169.254", "127.0.0.1"] {
        assert!(!crosses(&made, "10.88.1.1", to), "{to}");
    }
}

#[test]
fn a_complaint_points_at_its_place() {
    let rule = |from: &str, rest: &str| format!("version = 1\n[[allow]]\nfrom = {from}\n{rest}");
    let good = "to = \"hq\"\nprotocol = \"ping\"\nreason = \"x\"\n";
    for (text, line, column) in [
        ("version = 2\n".to_owned(), 1, 11),
        ("version = 1\nrooms = 3\n".to_owned(), 2, 1),
        (rule("\"rom:kofu/1\"", good), 3, 8),
        (rule("\"hq\"", good), 3, 8),
        (rule("\"rooms\"", "to = \"hq\"\nreason = \"x\"\n"), 4, 6),
        (rule("\"rooms\"", "to = \"hq\"\nprotocol = \"tcp\"\nports = [0]\nreason = \"x\"\n"), 6, 10),
        (rule("\"rooms\"", "to = \"hq\"\nprotocol = \"ping\"\nports = [1]\nreason = \"x\"\n"), 6, 9),
        (rule("\"rooms\"", "to = \"service:x\"\nreason = \"x\"\n"), 4, 6),
        (rule("\"rooms\"", "to = \"hq\"\nprotocol = \"ping\"\nreason = \" \"\n"), 6, 10),
        (device("room = \"network:10.0.0.0/8\"", "at = \"192.168.1.5\"", PRINTS), 3, 8),
        (device("room = \"rooms\"", "at = \"0.0.0.0/0\"", PRINTS), 4, 6),
        (device("room = \"rooms\"", "at = [\"192.168.1.5\", \"192.168.0.0/16\"]", PRINTS), 4, 6),
        (device("room = \"rooms\"", "at = \"192.168.1.5/24\"", PRINTS), 4, 6),
        (device("room = \"rooms\"", "at = []", PRINTS), 4, 6),
        (device("room = \"rooms\"", "at = 5", PRINTS), 4, 6),
        (device("room = \"rooms\"", "at = [5]", PRINTS), 4, 7),
        (device("room = \"rooms\"", "at = \"192.168.1.5\"", &many_ports(17)), 6, 9),
        (device("room = \"rooms\"", "at = \"192.168.1.5\"", "protocol = \"any\"\nports = [1]"), 5, 12),
        (device("room = \"rooms\"", "at = \"192.168.1.5\"", "protocol = \"tcp\"\nports = []"), 6, 9),
        (device("room = \"rooms\"", "at = \"192.168.1.5\"", "protocol = \"tcp\""), 2, 1),
        ("# 甲府\nversion = \n".to_owned(), 2, 11),
    ] {
        let error = text.parse::<Policy>().unwrap_err();
        assert_eq!((error.position.line, error.position.column), (line, column), "{text}: {error}");
    }
}

fn many_ports(count: usize) -> String {
    let ports: Vec<String> = (1..=count).map(|port| port.to_string()).collect();
    format!("protocol = \"tcp\"\nports = [{}]", ports.join(", "))
}

#[test]
fn a_policy_has_so_many_rules_and_no_more() {
    let rules = |count: usize| {
        let rule = "[[allow]]\nfrom = \"rooms\"\nto = \"hq\"\nprotocol = \"any\"\nreason = \"x\"\n";
        "version = 1\n".to_owned() + &rule.repeat(count)
    };
    assert_eq!(rules(MAX_RULES).parse::<Policy>().unwrap().allow.len(), MAX_RULES);
    let error = rules(MAX_RULES + 1).parse::<Policy>().unwrap_err();
    // The first that is too many: five lines a rule, behind the version.
    assert_eq!((error.position.line, error.fault), (3 + 5 * MAX_RULES, Fault::TooManyRules(MAX_RULES + 1)));
}

#[test]
fn the_largest_list_of_devices_fits_a_lease() {
    let places: Vec<String> =
        (0..MAX_DEVICES).map(|host| format!("\"2001:db8:ffff:ffff:ffff:ffff:ffff:{host:x}\"")).collect();
    let ports: Vec<String> =
        (0..MAX_DEVICE_PORTS).map(|port| format!("\"{}-{}\"", 40000 + 2 * port, 40001 + 2 * port)).collect();
    let service = format!("protocol = \"tcp\"\nports = [{}]", ports.join(", "));
    let policy: Policy =
        device("room = \"rooms\"", &format!("at = [{}]", places.join(", ")), &service).parse().unwrap();
    let all = devices(&policy, &"kofu/1".parse().unwrap(), &"b".parse().unwrap());
    assert_eq!(all.len(), MAX_DEVICES);
    // As the text of a signed document it is quoted once more, and the rest of a lease is some kilobytes.
    let quoted = serde_json::to_string(&serde_json::to_string(&all).unwrap()).unwrap();
    assert!(quoted.len() < 512 * 1024, "{}", quoted.len());
}

const PRINTS: &str = "protocol = \"tcp\"\nports = [631, \"9100-9102\"]";

fn device(room: &str, at: &str, service: &str) -> String {
    format!("version = 1\n[[device]]\n{room}\n{at}\n{service}\nreason = \"printer\"\n")
}

#[test]
fn a_device_belongs_to_the_rooms_that_it_stands_in() {
    let text =
        device("room = [\"room:kofu/1\", \"company:b\"]", "at = [\"192.168.1.5\", \"2001:db8::5\"]", PRINTS);
    let policy: Policy = text.parse().unwrap();
    assert!(unknown(&policy, &site()).is_empty());
    let ask = |room: &str, company: &str| devices(&policy, &room.parse().unwrap(), &company.parse().unwrap());
    assert_eq!(ask("kofu/1", "a").len(), 2);
    assert_eq!(ask("kofu/2", "b"), ask("kofu/1", "a"));
    assert!(ask("gujo/1", "a").is_empty());
    assert!(ask("kofu/1", "a").iter().all(Device::is_narrow));
    assert_eq!(
        compile(&policy, &site()),
        compile(&Policy::default(), &site()),
        "headquarters' firewall is not asked"
    );
}

#[test]
fn a_device_is_in_the_rooms_own_network() {
    for (inside, at) in [("10.88.1.7", 4), ("192.168.10.0/24", 4), ("fd00::7", 4)] {
        let policy: Policy =
            device("room = \"rooms\"", &format!("at = \"{inside}\""), PRINTS).parse().unwrap();
        let found = unknown(&policy, &site());
        assert!(
            matches!(found.as_slice(), [PolicyError { fault: Fault::DeviceInside(_), position }] if position.line == at)
        );
    }
    let policy: Policy = device("room = \"room:kofu/9\"", "at = \"192.168.1.5\"", PRINTS).parse().unwrap();
    assert!(matches!(unknown(&policy, &site())[0].fault, Fault::NoRoom(_)));
}

#[test]
fn what_the_registry_does_not_hold_is_named() {
    let policy: Policy =
        "version = 1\n[[allow]]\nfrom = \"room:kofu/9\"\nto = \"network:192.168.99.0/24\"\nprotocol = \"any\"\nreason = \"x\"\n"
            .parse()
            .unwrap();
    let texts: Vec<String> = unknown(&policy, &site()).iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 2);
    assert!(texts[0].starts_with("line 3, column 8: there is no room kofu/9"), "{texts:?}");
}

#[test]
fn the_terms_of_unlocks_are_read_bounded_and_usual_where_nothing_is_said() {
    let terms =
        |text: &str| format!("version = 1\n[unlock]\n{text}\n").parse::<Policy>().map(|policy| policy.unlock);
    let usual = UnlockTerms::default();
    assert_eq!("version = 1\n".parse::<Policy>().unwrap().unlock, usual);
    assert_eq!(terms("").unwrap(), usual);
    let strict = terms("minutes = 5\ngap_seconds = 0\nportal = \"admins\"\nall = \"nobody\"").unwrap();
    assert_eq!(strict, UnlockTerms { seconds: 300, gap_seconds: 0, portal: Who::Admins, all: Who::Nobody });
    for (text, line, column) in
        [("minutes = 0", 3, 11), ("minutes = 31", 3, 11), ("all = \"admins\"\ngap_seconds = 86401", 4, 15)]
    {
        let error = terms(text).unwrap_err();
        assert_eq!((error.position.line, error.position.column), (line, column), "{error}");
        assert!(matches!(error.fault, Fault::UnlockMinutes(_) | Fault::UnlockGap(_)), "{error}");
    }
    for text in ["portal = \"somebody\"", "hours = 1", "minutes = \"5\""] {
        assert!(matches!(terms(text).unwrap_err().fault, Fault::Form(_)), "{text}");
    }
}

#[test]
fn the_example_is_a_policy() {
    let policy: Policy = include_str!("../../../../policies/segmentation.example.toml").parse().unwrap();
    assert_eq!(policy.services.len(), 2);
    assert_eq!(policy.devices.len(), 2);
    assert!(policy.unlock.is_default(), "the example says the usual terms");
    assert!(policy.allow.iter().all(|rule| !rule.to.iter().any(|to| matches!(to, Party::Service(_)))));
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../../policies/segmentation.schema.json")).unwrap();
    assert_eq!(schema["properties"]["version"]["const"], VERSION);
    assert_eq!(schema["properties"]["allow"]["maxItems"], MAX_RULES);
    let unlock = &schema["properties"]["unlock"]["properties"];
    assert_eq!(unlock["minutes"]["maximum"], MAX_SECONDS / 60);
    assert_eq!(unlock["gap_seconds"]["maximum"], MAX_GAP);
    let calendar = &schema["properties"]["calendar"]["properties"];
    assert_eq!(calendar["holidays"]["maxItems"], MAX_HOLIDAYS);
    assert_eq!(calendar["overtime_hours"]["maximum"], MAX_OVERTIME_HOURS);
    assert_eq!(policy.overtime_hours, Some(4));
}

#[test]
fn holidays_are_days_of_the_calendar() {
    let with = |days: &str| format!("version = 1\n[calendar]\nholidays = [{days}]\n");
    let policy: Policy = with("\"2027-01-01\", \"2026-12-31\", \"2027-01-01\"").parse().unwrap();
    let days: Vec<String> = policy.holidays.iter().map(ToString::to_string).collect();
    assert_eq!(days, ["2026-12-31", "2027-01-01"]);
    let fault = |days: &str| with(days).parse::<Policy>().unwrap_err();
    let error = fault("\"2027-01-01\", \"2027-02-29\"");
    assert_eq!((error.position.line, error.position.column), (3, 27));
    assert_eq!(error.fault, Fault::Holiday("2027-02-29".to_owned()));
    let many = vec!["\"2027-01-01\""; MAX_HOLIDAYS + 1].join(",");
    assert_eq!(fault(&many).fault, Fault::TooManyHolidays(MAX_HOLIDAYS + 1));
}

#[test]
fn overtime_is_bounded_at_headquarters_if_the_policy_says_so() {
    let with = |hours: &str| format!("version = 1\n[calendar]\novertime_hours = {hours}\n").parse::<Policy>();
    assert_eq!("version = 1\n".parse::<Policy>().unwrap().overtime_hours, None, "the machine's own decides");
    for (hours, read) in [("0", 0), ("4", 4), ("24", MAX_OVERTIME_HOURS)] {
        assert_eq!(with(hours).unwrap().overtime_hours, Some(read));
    }
    let error = with("25").unwrap_err();
    assert_eq!((error.position.line, error.position.column), (3, 18));
    assert_eq!(error.fault, Fault::OvertimeHours(25));
    for hours in ["-1", "\"4\"", "1.5"] {
        assert!(matches!(with(hours).unwrap_err().fault, Fault::Form(_)), "{hours}");
    }
}
