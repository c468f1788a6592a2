//! What happened, and who is told: the site's outputs are collected in their order, and published at the end of the turn.

use std::collections::BTreeMap;

use sockwright_engine::event::{Event, EventKind};
use sockwright_proto::v1::Position;
use sockwright_sim::{Output, StackId};
use tokio::sync::oneshot;

use super::{Name, Thread};
use crate::hub::HubEvent;
use crate::stack::command::At;
use crate::stack::losses::frame_losses;
use crate::stack::site::{Site, SiteOutput};
use crate::stack::tap::is_watched;

/// Sends an answer, now that its position is known.
pub(super) type Release = Box<dyn FnOnce(Position)>;

impl<S: Site> Thread<S> {
    /// Tells something that is true now.
    pub(super) fn answer<T: 'static>(&mut self, answer: oneshot::Sender<At<T>>, value: T) {
        let release = move |at| _ = answer.send(At { value, at });
        self.answers.push((self.happened.len(), Box::new(release)));
    }

    /// Takes in what the site has to say.
    pub(super) fn collect(&mut self) {
        while let Some(output) = self.site.poll_output() {
            match output {
                SiteOutput::World(Output::Event { stack, event }) => self.event(stack, event),
                SiteOutput::World(Output::Completion { completion, .. }) => self.completion(completion),
                SiteOutput::World(output @ (Output::Link { .. } | Output::Arrival { .. })) => {
                    if self.frame_losses_watched {
                        let stack = output.stack();
                        let losses = frame_losses(&output);
                        self.happened.extend(losses.map(|loss| (stack, loss)));
                    }
                    if self.tap.is_open() {
                        self.tap.output(output, &self.site, &self.names);
                    }
                }
                SiteOutput::Frame(frame) => {
                    if self.tap.is_open() {
                        self.tap.frame(*frame, &self.site, &self.names);
                    }
                }
                SiteOutput::FramesLost { at, what, frames } => {
                    if let Some(stack) = self.names.keys().next() {
                        let text = String::new();
                        self.happened.push((*stack, HubEvent::FrameLost { at, what, text, frames }));
                    }
                }
                SiteOutput::LimitHit { at, limit } => {
                    if let Some(stack) = self.names.keys().next() {
                        self.happened.push((*stack, HubEvent::LimitHit { at, limit }));
                    }
                }
            }
        }
        if self.tap.is_open() {
            self.tap.deliver(&self.site);
        }
    }

    fn event(&mut self, stack: StackId, event: Event) {
        if self.tap.is_open() {
            self.tap.event(stack, &event);
            if !is_watched(&event.kind, self.watched) {
                return;
            }
        }
        let gone = match event {
            Event { kind: EventKind::Released, socket, .. } => socket,
            _ => None,
        };
        self.happened.push((stack, event.into()));
        if let Some(socket) = gone {
            for call in self.order.forget(socket) {
                self.make(call);
            }
        }
    }

    /// Publishes what happened, and then releases the answers, each with its own position.
    pub(super) fn publish(&mut self) {
        let Thread { happened, answers, names, hub, claims, .. } = self;
        for (mut claim, socket) in claims.drain(..) {
            claim.fill(socket);
        }
        let mut happened = happened.drain(..);
        let (mut published, mut at) = (0, hub.position());
        for (behind, release) in answers.drain(..) {
            // As many events as come before the answer.
            if behind > published {
                at = hub.publish_of_many(named(names, happened.by_ref().take(behind - published)));
                published = behind;
            }
            self.releases.push((release, at));
        }
        hub.publish_of_many(named(names, happened));
        for (release, at) in self.releases.drain(..) {
            release(at);
        }
    }
}

/// Events with the names of their stacks.
fn named(
    names: &BTreeMap<StackId, Name>,
    events: impl Iterator<Item = (StackId, HubEvent)>,
) -> impl Iterator<Item = (Name, HubEvent)> {
    events.filter_map(|(stack, event)| Some((names.get(&stack)?.clone(), event)))
}
