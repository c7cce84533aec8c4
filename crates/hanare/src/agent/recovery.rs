//! What a person asks of headquarters beside the day's work: older versions back, and that deletions which are held are meant,
//! or not. The day goes on meanwhile.

use hanare_handover::deliver::{Day, Post, Transport, WantedBack};
use tokio::sync::watch;

use super::socket::{Answer, Asked, Standing, Wish};

/// Whether this is one of them.
pub(super) const fn is_one(asked: &Asked) -> bool {
    matches!(asked, Asked::Restore { .. } | Asked::Deletions { .. })
}

/// Begins it; who asked has the answer once it is done, and none if the day ends before.
pub(super) fn begin<T: Transport + Post + 'static>(
    day: Option<&mut Day<T>>,
    wish: Wish,
    told: &watch::Sender<Standing>,
) {
    let Wish { asked, reply, .. } = wish;
    let standing = told.subscribe();
    let answer = move |answer| {
        let standing = Standing { answer: Some(answer), ..standing.borrow().clone() };
        // Who asked may have gone.
        let _ = reply.send(standing);
    };
    let Some(day) = day else { return answer(Answer::Away) };
    match asked {
        Asked::Restore { path, at } => {
            let came = day.recover(WantedBack { path, at });
            tokio::spawn(async move {
                let Ok(came) = came.await else { return };
                answer(came.map_or(Answer::Away, |came| Answer::Restored {
                    files: came.files,
                    beside: came.beside,
                    same: came.same,
                    failed: came.failed,
                    bytes: came.bytes,
                }));
            });
        }
        Asked::Deletions { confirm: true } => {
            let said = day.confirm_deletions();
            tokio::spawn(async move {
                let Ok(said) = said.await else { return };
                answer(said.map_or(Answer::Away, |files| Answer::Deletions { files }));
            });
        }
        Asked::Deletions { confirm: false } => {
            let files = day.take_deletions_back();
            answer(Answer::Deletions { files });
        }
        Asked::Status
        | Asked::Finish
        | Asked::Close { .. }
        | Asked::Overtime { .. }
        | Asked::Alone { .. }
        | Asked::Salt
        | Asked::Keep { .. }
        | Asked::Unlock { .. } => {}
    }
}
