//! Whose work, or from where: `OFFICE/ROOM`, a node, a person, or `node:NAME` and `person:ID` where both have one name.

use hanare_hq::admin::{HandoverSource, NodeList, PersonList};
use hanare_model::{IdError, NodeName, PersonId, RoomId};

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

/// What was typed.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// Said exactly.
    Exact(HandoverSource),
    /// A name that a node, a person, or both may have.
    Either(Option<NodeName>, Option<PersonId>, String),
}

impl std::str::FromStr for Place {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        if let Some(id) = text.strip_prefix("person:") {
            return id.parse().map(|id| Self::Exact(HandoverSource::Person(id)));
        }
        if let Some(name) = text.strip_prefix("node:") {
            return name.parse().map(|name| Self::Exact(HandoverSource::Node(name)));
        }
        if text.contains('/') {
            return text.parse::<RoomId>().map(|id| Self::Exact(HandoverSource::Room(id)));
        }
        match (text.parse::<NodeName>(), text.parse::<PersonId>()) {
            (Err(error), Err(_)) => Err(error),
            (node, person) => Ok(Self::Either(node.ok(), person.ok(), text.to_owned())),
        }
    }
}

impl Place {
    /// Which of them it is, as headquarters knows them.
    pub(crate) fn resolve(self, context: &Context) -> Result<HandoverSource, Failure> {
        let (node, person, text) = match self {
            Self::Exact(source) => return Ok(source),
            Self::Either(node, person, text) => (node, person, text),
        };
        let nodes = context.ask(NodeList {})?.items;
        let persons = context.ask(PersonList {})?.items;
        let node = node.filter(|name| nodes.iter().any(|node| node.name == *name));
        let person = person.filter(|id| persons.iter().any(|person| person.id == *id));
        match (node, person) {
            (Some(node), None) => Ok(HandoverSource::Node(node)),
            (None, Some(person)) => Ok(HandoverSource::Person(person)),
            (Some(_), Some(_)) => Err(Failure::new(Exit::Input, "handover-which").with("name", text)),
            (None, None) => Err(Failure::new(Exit::Input, "handover-nobody").with("name", text)),
        }
    }
}
