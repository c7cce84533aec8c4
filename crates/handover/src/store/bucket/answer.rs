//! What a bucket's server says, sorted: an object that is not there or cut short is one thing, a server that says no another, and
//! the two must never be taken for each other.

use hyper::Method;
use hyper::StatusCode;
use hyper::header::{CONTENT_RANGE, RANGE};
use hyper::http::response::Parts;
use object_store::client::HttpRequest;

use super::health::Work;

/// No more is told of what a server says.
const MAX_TOLD: usize = 200;

/// An answer that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Said {
    /// An object is shorter than it was.
    #[error("the object ends before what was asked for")]
    Short,
    /// Not now.
    #[error("{status}: {text}")]
    Later {
        /// The status.
        status: u16,
        /// In the server's words.
        text: String,
    },
    /// No, and asking again the same way is in vain.
    #[error("{status}: {text}")]
    No {
        /// The status.
        status: u16,
        /// In the server's words.
        text: String,
    },
}

/// What of a request its answer is judged by.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) work: Work,
    /// How long what is sent is.
    pub(super) len: usize,
    is_list: bool,
    /// First and last byte.
    range: Option<(u64, u64)>,
}

impl Asked {
    pub(super) fn of(request: &HttpRequest) -> Self {
        let range = request.headers().get(RANGE).and_then(|value| value.to_str().ok());
        let is_list = request.method() == Method::GET
            && request.uri().query().is_some_and(|query| query.contains("list-type="));
        let work = match *request.method() {
            Method::PUT => Work::Writing,
            Method::DELETE => Work::Removing,
            _ => Work::Reading,
        };
        Self {
            work,
            len: request.body().content_length(),
            is_list,
            range: range.and_then(|text| bounds(text.strip_prefix("bytes=")?)),
        }
    }

    /// Whether it is an answer: an object, or that there is none.
    pub(super) fn judge(&self, parts: &Parts, body: &[u8]) -> Result<(), Said> {
        let (status, text) = (parts.status.as_u16(), || told(parts.status, body));
        match parts.status {
            StatusCode::RANGE_NOT_SATISFIABLE => Err(Said::Short),
            // That the whole bucket is not there says nothing about an object.
            StatusCode::NOT_FOUND if self.is_list || is_about_bucket(body) => {
                Err(Said::No { status, text: text() })
            }
            StatusCode::NOT_FOUND => Ok(()),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                Err(Said::Later { status, text: text() })
            }
            other if other.is_server_error() => Err(Said::Later { status, text: text() }),
            StatusCode::PARTIAL_CONTENT if self.is_cut(parts) => Err(Said::Short),
            other if other.is_success() => Ok(()),
            _ => Err(Said::No { status, text: text() }),
        }
    }

    fn is_cut(&self, parts: &Parts) -> bool {
        let came = parts.headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let came = came.and_then(|text| bounds(text.strip_prefix("bytes ")?.split('/').next()?));
        matches!((self.range, came), (Some((first, last)), Some((from, to))) if from == first && to < last)
    }
}

fn bounds(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.split_once('-')?;
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
}

fn is_about_bucket(body: &[u8]) -> bool {
    between(&String::from_utf8_lossy(body), "Code").is_some_and(|code| code == "NoSuchBucket")
}

/// The server's own words: an error of S3 is a document with a code and a message.
fn told(status: StatusCode, body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    let said = match (between(&body, "Code"), between(&body, "Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => status.canonical_reason().unwrap_or_default().to_owned(),
    };
    said.chars().filter(|letter| !letter.is_control()).take(MAX_TOLD).collect()
}

fn between<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let from = text.split_once(&format!("<{name}>"))?.1;
    Some(from.split_once(&format!("</{name}>"))?.0)
}

#[cfg(test)]
mod tests {
    use hyper::Response;
    use object_store::client::HttpRequestBody;

    use super::*;

    fn asked(uri: &str, range: Option<&str>) -> Asked {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = uri.parse().unwrap();
        if let Some(range) = range {
            request.headers_mut().insert(RANGE, range.parse().unwrap());
        }
        Asked::of(&request)
    }

    fn judged(asked: &Asked, status: u16, range: Option<&str>, body: &str) -> Result<(), Said> {
        let mut response = Response::builder().status(status);
        if let Some(range) = range {
            response = response.header(CONTENT_RANGE, range);
        }
        let (parts, body) = response.body(body.to_owned()).unwrap().into_parts();
        asked.judge(&parts, body.as_bytes())
    }

    #[test]
    fn a_missing_object_a_short_one_and_a_server_that_says_no_are_three_things() {
        let object = asked("http://s3/bucket/ab/abcd", Some("bytes=100-199"));
        let error = |code: &str| format!("<Error><Code>{code}</Code><Message>so it is</Message></Error>");
        assert_eq!(judged(&object, 206, Some("bytes 100-199/500"), "x"), Ok(()));
        assert_eq!(judged(&object, 404, None, &error("NoSuchKey")), Ok(()));
        assert_eq!(judged(&object, 404, None, ""), Ok(()));
        assert_eq!(judged(&object, 416, None, ""), Err(Said::Short));
        assert_eq!(judged(&object, 206, Some("bytes 100-150/151"), "x"), Err(Said::Short));
        let no = |status, text: &str| Err(Said::No { status, text: text.to_owned() });
        assert_eq!(judged(&object, 404, None, &error("NoSuchBucket")), no(404, "NoSuchBucket: so it is"));
        assert_eq!(judged(&object, 403, None, &error("AccessDenied")), no(403, "AccessDenied: so it is"));
        assert_eq!(judged(&object, 301, None, ""), no(301, "Moved Permanently"));
        let later = judged(&object, 503, None, "<html>\u{1b}[31m");
        assert_eq!(later, Err(Said::Later { status: 503, text: "Service Unavailable".to_owned() }));
        let list = asked("http://s3/bucket?list-type=2&prefix=ab%2F", None);
        assert_eq!(judged(&list, 404, None, ""), no(404, "Not Found"));
        assert_eq!(judged(&list, 200, None, "<ListBucketResult/>"), Ok(()));
    }
}
