//! The walk through all states, breadth first.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::string::String;
use std::vec::Vec;

use super::Setup;
use super::rules::Broken;
use super::state::{Event, State};

/// What a walk has seen.
pub(super) struct Walk {
    pub(super) states: usize,
    pub(super) transitions: usize,
    /// How many events it takes at the most to get anywhere; one more brings nothing new.
    pub(super) depth: usize,
    /// What happened, and how often.
    pub(super) words: BTreeMap<&'static str, usize>,
    /// From which phase a call that was told something came to which other one.
    pub(super) moves: BTreeSet<(&'static str, &'static str)>,
}

/// How a state was reached first: from which one, and by what. The first state was not.
type Ways = [Option<(usize, Event)>];

/// Visits all states that can be reached. Panics, with a shortest way there, where a rule is
/// broken.
pub(super) fn walk(setup: &Setup) -> Walk {
    let first = State::first(setup);
    let mut seen = HashMap::from([(first.fingerprint(), 0)]);
    let mut ways = vec![None];
    let mut edges = Vec::new();
    let mut ends = Vec::new();
    let mut words = BTreeMap::new();
    let mut moves = BTreeSet::new();
    let mut depth = 0;
    let mut layer = vec![(0, first)];
    loop {
        let mut next_layer = Vec::new();
        for (number, state) in &layer {
            if state.is_over() {
                ends.push(*number);
            }
            for event in state.events(setup) {
                let (word, next) = state
                    .after(setup, event)
                    .unwrap_or_else(|Broken(rule)| panic!("{rule}\n{}", tell(setup, &ways, *number, event)));
                *words.entry(word).or_default() += 1;
                if let Event::Tell(..) = event {
                    moves.extend(state.phases().zip(next.phases()).filter(|(from, to)| from != to));
                }
                let next_number = match seen.entry(next.fingerprint()) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(new) => {
                        next.check_elsewhere().unwrap_or_else(|Broken(rule)| {
                            panic!("{rule}\n{}", tell(setup, &ways, *number, event))
                        });
                        new.insert(ways.len());
                        next_layer.push((ways.len(), next));
                        ways.push(Some((*number, event)));
                        ways.len() - 1
                    }
                };
                edges.push((*number, next_number));
            }
        }
        if next_layer.is_empty() {
            break;
        }
        layer = next_layer;
        depth += 1;
    }
    if let Some((from, event)) = never_ending(ways.len(), &ends, &edges).and_then(|state| ways[state]) {
        panic!("a way on from here never ends\n{}", tell(setup, &ways, from, event));
    }
    Walk { states: ways.len(), transitions: edges.len(), depth, words, moves }
}

/// A state that calls come back to, or in which they are stuck, if there is one. Events that change
/// nothing lead nowhere; without these, every way has to come to a state in which all calls are
/// over.
fn never_ending(states: usize, ends: &[usize], edges: &[(usize, usize)]) -> Option<usize> {
    let mut ways_on = vec![Vec::new(); states];
    let mut ways_here = vec![Vec::new(); states];
    for (from, to) in edges.iter().filter(|(from, to)| from != to) {
        ways_on[*from].push(*to);
        ways_here[*to].push(*from);
    }
    // From the ends back: a state is fine when all that come next are.
    let mut open: Vec<_> = ways_on.iter().map(Vec::len).collect();
    let mut is_fine = vec![false; states];
    let mut found = ends.to_vec();
    while let Some(state) = found.pop() {
        is_fine[state] = true;
        for before in &ways_here[state] {
            open[*before] -= 1;
            if open[*before] == 0 {
                found.push(*before);
            }
        }
    }
    // The first one may only lead there: as far as it goes is far enough.
    let mut state = is_fine.iter().position(|is_fine| !is_fine)?;
    for _ in 0..states {
        state = ways_on[state].iter().copied().find(|next| !is_fine[*next]).unwrap_or(state);
    }
    Some(state)
}

/// The way to a state, and what happened there.
fn tell(setup: &Setup, ways: &Ways, number: usize, last: Event) -> String {
    let way = core::iter::successors(ways[number], |(from, _)| ways[*from]).map(|(_, event)| event);
    let mut events: Vec<_> = core::iter::once(last).chain(way).collect();
    events.reverse();
    let mut told = vec![format!("with {setup:?}")];
    let mut state = State::first(setup);
    for event in events {
        told.push(format!("  {event:?}"));
        if let Ok((word, next)) = state.after(setup, event) {
            told.push(format!("    {word}: {:?}", next.exchanges));
            state = next;
        }
    }
    told.join("\n")
}
