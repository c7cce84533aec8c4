//! The node API's door: nobody keeps all of its places, nobody tries for ever, and nothing but TLS 1.3 comes in.

use std::net::SocketAddr;
use std::time::Duration;

use hanare_model::api::Refusal;
use hanare_model::invite::Invite;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::device::{Device, exchange};
use super::{Home, rooms};

async fn connect_from(from: SocketAddr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(from)?;
    socket.connect(to).await
}

/// Four addresses with 64 silent connections each are all the places there are.
#[tokio::test]
async fn a_device_gets_in_although_others_hold_every_place() {
    let home = Home::new().await;
    let server = home.serve().await;
    let api = server.api_address();
    let mut held = Vec::new();
    for address in 2..=5 {
        for _ in 0..64 {
            held.push(connect_from(([127, 0, 0, address], 0).into(), api).await.unwrap());
        }
    }
    // Until the server has taken all of them.
    tokio::time::sleep(Duration::from_millis(300)).await;
    for seed in 1..=3 {
        let device = Device::new(seed);
        let connected = tokio::time::timeout(Duration::from_secs(5), device.connect(api, true));
        connected.await.expect("a place");
    }
    drop(held);
    server.stop().await;
}

#[tokio::test]
async fn who_sends_garbage_is_told_to_wait_and_the_others_are_not() {
    let home = Home::new().await;
    let server = home.serve().await;
    let admin = home.admin();
    rooms(&admin).await;
    let api = server.api_address();
    let device = Device::new(1);
    let mut told = Vec::new();
    for _ in 0..40 {
        let mut stream = device.connect(api, true).await;
        told.push(exchange(&mut stream, "POST", "/v1/join", "{}").await);
    }
    // Thirty at once, then one every two seconds; the loop itself may have taken some.
    let turned_away = told.iter().position(|(status, _)| *status == 429).expect("at some time");
    assert!((30..38).contains(&turned_away), "{turned_away}");
    assert!(told[..turned_away].iter().all(|(status, _)| *status == 403 || *status == 400), "{told:?}");
    let refusal: Refusal = serde_json::from_str(&told[turned_away].1).unwrap();
    assert!(matches!(refusal, Refusal::TooMany { retry_after_seconds: 1..=2 }), "{refusal:?}");
    // A good invite from that address waits too, and is not used up; it is good later.
    let invite: Invite = super::invite(&admin, "kofu/306", "pc-1", 3600).await;
    let hq = server.hq.wireguard.public();
    assert!(matches!(device.join(api, &hq, &invite).await, Err(Refusal::TooMany { .. })));
    tokio::time::sleep(Duration::from_secs(5)).await;
    device.join(api, &hq, &invite).await.unwrap();
    server.stop().await;
}

/// A hello as a device of TLS 1.2 sends it (RFC 5246, 7.4.1.2), with suites that every server of its day knew.
fn hello_of_tls_1_2() -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    // No session; ECDHE with ECDSA and with RSA under AES-GCM; no compression.
    body.extend([0, 0, 6, 0xc0, 0x2b, 0xc0, 0x2c, 0xc0, 0x2f, 1, 0]);
    // Extensions: groups x25519 and P-256, uncompressed points, Ed25519 and ECDSA signatures.
    let extensions =
        [0, 10, 0, 6, 0, 4, 0, 29, 0, 23, 0, 11, 0, 2, 1, 0, 0, 13, 0, 6, 0, 4, 8, 7, 4, 3].as_slice();
    body.extend([0, u8::try_from(extensions.len()).unwrap()]);
    body.extend(extensions);
    let mut message = vec![1, 0, 0, u8::try_from(body.len()).unwrap()];
    message.extend(body);
    let mut record = vec![22, 3, 1, 0, u8::try_from(message.len()).unwrap()];
    record.extend(message);
    record
}

#[tokio::test]
async fn tls_1_2_is_refused() {
    let home = Home::new().await;
    let server = home.serve().await;
    let mut stream = TcpStream::connect(server.api_address()).await.unwrap();
    stream.write_all(&hello_of_tls_1_2()).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.unwrap();
    // A fatal alert, `protocol_version` (RFC 8446, 6.2), and nothing of a handshake.
    assert_eq!(answer, [21, 3, 3, 0, 2, 2, 70]);
    server.stop().await;
}
