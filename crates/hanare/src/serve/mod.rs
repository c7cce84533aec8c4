//! The worker of `hq serve`: joins headquarters' registry with the data plane and the hands of the host process.

mod binder;
mod data;
mod keep;
mod way_out;

use std::net::SocketAddr;

use hanare_host::confine::{self, Access as Reach, Grants};
use hanare_host::hands::{AsyncNotices, Client, Notice};
use hanare_host::memory::forget_start;
use hanare_host::unix::{self, Peer};
use hanare_host::{HostError, privileges};
use hanare_hq::{Order, Published, ServeOptions, Server};
use hanare_tunnel::plane::End;
use hanare_tunnel::uapi::{self, Access, Listener, Service};
use tokio::sync::{mpsc, watch};

use self::binder::Binder;
use self::data::DataPlane;
use self::keep::Keeper;
use self::way_out::WayOut;
use crate::context::{Context, Outcome, keep_on};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::foreign;
use crate::voice::Voice;

/// Threads for calls that block: the hands answer one call at a time, a resolver needs another.
const BLOCKING_THREADS: usize = 4;

/// Runs the worker until its host process or a signal ends it.
pub(crate) fn run(context: &Context, mut options: ServeOptions) -> Outcome {
    // Before there is another thread, so that it holds for all of them.
    hanare_host::memory::give_back_large();
    let binder = Binder::start().map_err(foreign::host_error)?;
    privileges::become_worker().map_err(foreign::host_error)?;
    let way_out = WayOut::open(context, &mut options)?;
    let files =
        keep_on(hanare_hq::prepare(&options.state, options.api.port(), options.credentials.as_deref()))?
            .map_err(foreign::serve_error)?;
    forget_start();
    unix::learn_admins();
    confined(&options, files).map_err(foreign::host_error)?;
    let hands = Client::from_stdin().map_err(foreign::host_error)?;
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = hanare_host::memory::keep_small(&mut builder)
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .map_err(|error| Failure::new(Exit::Impossible, "runtime").because(&error))?;
    let outcome = runtime.block_on(serve(context, options, hands, (binder, &way_out)));
    runtime.shutdown_background();
    outcome
}

/// Everything that headquarters needs of the machine by itself: its keys, the files of its database, places for its two
/// sockets, its API's port. A kernel that cannot see to it is named in the log.
fn confined(options: &ServeOptions, files: hanare_hq::Files) -> Result<(), HostError> {
    // What cannot be made now is missed, and named, where it is used.
    let _ = std::fs::create_dir_all(uapi::DIRECTORY);
    let mut paths = vec![
        (files.reads, Reach::Read),
        // SQLite makes the directory's entries durable.
        (options.state.clone(), Reach::List),
        (options.runtime.clone(), Reach::Sockets),
        (uapi::DIRECTORY.into(), Reach::Sockets),
    ];
    paths.extend(options.credentials.iter().map(|path| (path.clone(), Reach::Read)));
    paths.extend(files.writes.into_iter().map(|path| (path, Reach::Write)));
    let read = ["/dev/urandom"];
    paths.extend(read.map(|path| (path.into(), Reach::Read)));
    confine::confine(&Grants { paths, listen: files.ports, ..Grants::default() }).map(drop)
}

async fn serve(
    context: &Context,
    options: ServeOptions,
    hands: Client,
    (mut binder, way_out): (Binder, &WayOut),
) -> Outcome {
    let listen = options.listen;
    let interface = options.interface.clone();
    let notices = hands.notices().and_then(hanare_host::hands::Notices::into_async);
    let mut notices = notices.map_err(foreign::host_error)?;
    let socket = Listener::bind(&interface).map_err(foreign::uapi_error)?;
    let caller: hanare_hq::Caller = |socket| Peer::of(socket).map(|peer| (peer.uid, peer.is_admin()));
    let started = Server::start_with(options, |address, free| binder.bind(address, free), caller).await;
    drop(binder);
    let outcome = match started {
        Ok(mut server) => {
            forget_start();
            // The API's tasks have not run yet: nothing was read that came from a network.
            let closed = confine::close_doors().map(drop).map_err(foreign::host_error);
            let outcome = match closed {
                Ok(()) => {
                    let names = (interface.as_str(), &socket);
                    let working = with_plane(context, &mut server, &hands, &mut notices, names, listen);
                    tokio::select! {
                        outcome = working => outcome,
                        failure = way_out.lost() => Err(failure),
                    }
                }
                Err(failure) => Err(failure),
            };
            server.stop().await;
            outcome
        }
        Err(error) => Err(foreign::serve_error(error)),
    };
    socket.remove();
    outcome
}

async fn with_plane(
    context: &Context,
    server: &mut Server,
    hands: &Client,
    notices: &mut AsyncNotices,
    (interface, socket): (&str, &Listener),
    listen: SocketAddr,
) -> Outcome {
    let mut published = server.published();
    let first = published.borrow_and_update().clone();
    let plane = DataPlane::start(hands, server, &first, listen, context.guards).await?;
    forget_start();
    server.plane().applied(&first);
    let service =
        Service::new(plane.handle().clone(), Access::ReadOnly, Some(server.private_key()), hanare_host::MARK);
    uapi::spawn(socket, service)
        .map_err(|error| Failure::new(Exit::Impossible, "runtime").because(&error))?;
    // A voice of its own: the catalogue goes with it.
    let status = Voice::new(context.out.voice().language())
        .say_with("hq-ready", &[("interface", &interface), ("port", &listen.port())]);
    hands.run(move |hands| hands.ready(&status)).await.map_err(foreign::host_error)?;
    forget_start();
    let orders = server.take_orders();
    let ended = follow(server, (&plane, first), hands, notices, published, orders).await;
    // Whatever noticed it first.
    let lost = ended.is_err() && plane.handle().end() == Some(End::InterfaceRemoved);
    plane.stop().await;
    if lost { Err(data::interface_lost(interface)) } else { ended }
}

/// Keeps the data plane, the interface and the firewall as headquarters publishes them, and headquarters informed.
async fn follow(
    server: &Server,
    (plane, first): (&DataPlane, Published),
    hands: &Client,
    notices: &mut AsyncNotices,
    mut published: watch::Receiver<Published>,
    orders: Option<mpsc::Receiver<Order>>,
) -> Outcome {
    let link = server.plane();
    let mut orders = orders.unwrap_or_else(|| mpsc::channel(1).1);
    let mut events = plane.handle().events();
    let mut keeper = Keeper::new(plane, hands, &link, first);
    let mut tick = tokio::time::interval(data::REPORT_INTERVAL);
    loop {
        tokio::select! {
            changed = published.changed() => {
                if changed.is_err() {
                    return Ok(Exit::Good);
                }
                let wanted = published.borrow_and_update().clone();
                keeper.want(wanted).await?;
            }
            () = keeper.due() => keeper.catch_up().await?,
            Some(Order::Rebuild(peer)) = orders.recv() => {
                // A data plane that has ended says so below.
                let _ = plane.handle().rebuild(peer);
            }
            Ok(event) = events.recv() => data::tell(&link, &event),
            _ = tick.tick() => link.report(keeper.report().await),
            notice = notices.next() => match notice {
                Ok(Notice::Stop) | Err(HostError::Gone) => return Ok(Exit::Good),
                Ok(notice) => keeper.notice(&notice).await?,
                Err(error) => return Err(foreign::host_error(error)),
            },
            end = plane.handle().ended() => return match end {
                End::Shutdown => Ok(Exit::Good),
                End::InterfaceRemoved => Err(data::interface_lost(keeper.interface())),
                End::Failed(why) => Err(Failure::new(Exit::Bug, "bug").reported("cause-other", why)),
            },
        }
    }
}
