//! What of a request is answered outside of the guest: questions about the hardware, and hands laid on it.
//!
//! [`set_aside`] takes it out of a request; what is left goes to the guest, and [`put_back`] joins the answers. Pure.

use crashcart_facts::{Answer, HardwareAct, Question, Reply, Request};

/// Something that was taken out: of which request of a batch, and which question of it.
#[derive(Debug, PartialEq)]
pub enum Aside {
    Question { request: usize, place: usize, question: Question },
    Act { request: usize, act: HardwareAct },
}

/// Takes out of a request what the guest cannot answer; `None` where that is nothing.
pub fn set_aside(request: &Request) -> Option<(Request, Vec<Aside>)> {
    let mut asides = Vec::new();
    let left = match request {
        Request::Batch(requests) => Request::Batch(
            requests
                .iter()
                .enumerate()
                .filter_map(|(n, request)| take_out(n, request, &mut asides))
                .collect(),
        ),
        Request::Collect { .. } => take_out(0, request, &mut asides)?,
        _ => return None,
    };
    (!asides.is_empty()).then_some((left, asides))
}

fn take_out(n: usize, request: &Request, asides: &mut Vec<Aside>) -> Option<Request> {
    match request {
        Request::Hardware(act) => {
            asides.push(Aside::Act { request: n, act: act.clone() });
            None
        }
        Request::Collect { asked, budget_ms } => {
            let mut left = Vec::new();
            for (place, one) in asked.iter().enumerate() {
                match &one.question {
                    question @ (Question::Gpu { .. } | Question::Gpus {}) => {
                        asides.push(Aside::Question { request: n, place, question: question.clone() });
                    }
                    _ => left.push(one.clone()),
                }
            }
            Some(Request::Collect { asked: left, budget_ms: *budget_ms })
        }
        other => Some(other.clone()),
    }
}

/// Joins the guest's reply with the answers to what was set aside, which are asked for in order. Where the guest
/// ended before a request's turn, nothing of it is put back.
pub fn put_back(reply: Reply, asides: Vec<Aside>, mut answer: impl FnMut(&Question) -> Answer) -> Reply {
    let is_batch = matches!(reply, Reply::Batch(_));
    let mut replies = match reply {
        Reply::Batch(replies) => replies,
        other => vec![other],
    };
    for aside in asides {
        match aside {
            Aside::Act { request, .. } if request <= replies.len() => replies.insert(request, Reply::Done),
            Aside::Question { request, place, question } => {
                if let Some(Reply::Collected { answers }) = replies.get_mut(request)
                    && place <= answers.len()
                {
                    answers.insert(place, answer(&question));
                }
            }
            Aside::Act { .. } => {}
        }
    }
    if is_batch { Reply::Batch(replies) } else { replies.pop().unwrap_or(Reply::Done) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crashcart_facts::{Asked, Reading};

    fn asked(question: Question) -> Asked {
        Asked { question, again_after_ms: 0 }
    }

    fn answered(why: &str) -> Answer {
        Answer { reading: Reading::Unreadable { why: why.into() }, again: None, took_ms: 0 }
    }

    #[test]
    fn answers_come_back_in_the_places_of_their_questions() {
        let gpu = || asked(Question::Gpus {});
        let own = || asked(Question::Package { name: "nvidia-smi".into() });
        let collect = |asked| Request::Collect { asked, budget_ms: 9 };
        let batch = Request::Batch(vec![
            Request::Hello { wait_ms: 1 },
            Request::Hardware(HardwareAct::Break),
            collect(vec![gpu(), own(), gpu(), own()]),
        ]);
        let (left, asides) = set_aside(&batch).expect("hardware is asked about");
        assert_eq!(left, Request::Batch(vec![Request::Hello { wait_ms: 1 }, collect(vec![own(), own()])]));
        let reply = Reply::Batch(vec![
            Reply::Planted,
            Reply::Collected { answers: vec![answered("one"), answered("two")] },
        ]);
        let whole = put_back(reply, asides, |_| answered("gpu"));
        let texts = ["gpu", "one", "gpu", "two"].map(answered).into();
        assert_eq!(
            whole,
            Reply::Batch(vec![Reply::Planted, Reply::Done, Reply::Collected { answers: texts }])
        );
        assert_eq!(set_aside(&collect(vec![own()])), None);
    }

    #[test]
    fn a_guest_that_stopped_early_has_nothing_put_back() {
        let asides = vec![Aside::Question { request: 3, place: 0, question: Question::Gpus {} }];
        let refused = || Reply::Refused { why: "busy".into() };
        let reply = Reply::Batch(vec![refused()]);
        assert_eq!(put_back(reply, asides, |_| answered("gpu")), Reply::Batch(vec![refused()]));
        let asides = vec![Aside::Question { request: 0, place: 0, question: Question::Gpus {} }];
        assert_eq!(put_back(refused(), asides, |_| answered("gpu")), refused());
    }
}
