//! The loops that a reading looks at, the moment it is made, and the texts that indices stand for.

use crate::model::{Place, Site, WallTime};
use crate::wire::Request;
use loopscope::telemetry::{
    LoopReader, LoopView, NameIndex, PlaceIndex, SiteIndex, SiteView, TaskView, WaitView,
};
use loopscope::time::Instant;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::time::SystemTime;

/// How often the sites of a loop are looked at in one reading.
const LOOKS_AT_SITES_MAX: u32 = 4;

/// The loops, and when they are looked at.
#[derive(Debug)]
pub(in crate::agent) struct Context {
    pub(in crate::agent) loops: Vec<LoopSeen>,
    /// On the clock of the records. Moved on after each walk, so that what is shown is true when it is shown.
    now: Cell<Instant>,
}

/// One loop.
#[derive(Debug)]
pub(in crate::agent) struct LoopSeen {
    pub(in crate::agent) reader: LoopReader,
    pub(in crate::agent) view: LoopView,
    texts: RefCell<Texts>,
}

/// What was looked up already.
#[derive(Debug, Default)]
struct Texts {
    sites: HashMap<u32, SiteView>,
    looks_at_sites: u32,
    places: HashMap<u32, Option<Place>>,
}

impl Context {
    pub(in crate::agent) fn new(request: &Request) -> Self {
        let loops = loopscope::telemetry::loops().into_iter().filter_map(|reader| {
            let view = reader.view().filter(|view| request.hidden || !view.hidden)?;
            Some(LoopSeen { reader, view, texts: RefCell::default() })
        });
        Self { loops: loops.collect(), now: Cell::new(Instant::now()) }
    }

    pub(in crate::agent) fn now(&self) -> Instant {
        self.now.get()
    }

    /// A walk over a million records takes a while.
    pub(in crate::agent) fn move_on(&self) {
        self.now.set(Instant::now());
    }

    /// Nanoseconds from then to now.
    pub(in crate::agent) fn since(&self, then: Instant) -> u64 {
        self.now.get().as_nanos().saturating_sub(then.as_nanos())
    }

    /// Nanoseconds from now to then, negative if that is past.
    pub(in crate::agent) fn until(&self, then: Instant) -> i64 {
        let nanos = i128::from(then.as_nanos()) - i128::from(self.now.get().as_nanos());
        i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
    }

    /// The moment on the wall clock, the same for the same moment in every picture.
    #[expect(clippy::unused_self, reason = "beside its likes")]
    pub(in crate::agent) fn wall(&self, then: Instant) -> WallTime {
        // The two clocks are compared once: later steps of the wall clock do not move what has happened.
        static ANCHOR: OnceLock<(Instant, WallTime)> = OnceLock::new();
        let (at, wall) = *ANCHOR.get_or_init(|| (Instant::now(), WallTime::from(SystemTime::now())));
        let (at, then) = (at.as_nanos(), then.as_nanos());
        WallTime(if then > at { wall.0.saturating_add(then - at) } else { wall.0.saturating_sub(at - then) })
    }

    /// Walks the tasks of all loops; each comes with the place of its loop in `loops`.
    pub(in crate::agent) fn tasks(&self, mut each: impl FnMut(usize, &TaskView) -> ControlFlow<()>) {
        for (at, lp) in self.loops.iter().enumerate() {
            let mut is_over = false;
            lp.reader.tasks(&mut |task| {
                let flow = each(at, task);
                is_over = flow.is_break();
                flow
            });
            if is_over {
                return;
            }
        }
    }

    /// Walks the waits of all loops.
    pub(in crate::agent) fn waits(&self, mut each: impl FnMut(usize, &WaitView)) {
        for (at, lp) in self.loops.iter().enumerate() {
            lp.reader.waits(&mut |wait| {
                each(at, wait);
                ControlFlow::Continue(())
            });
        }
    }
}

impl LoopSeen {
    pub(in crate::agent) fn name(&self, index: Option<NameIndex>) -> Option<String> {
        self.reader.name(index?)
    }

    pub(in crate::agent) fn place(&self, index: Option<PlaceIndex>) -> Option<Place> {
        let index = index?;
        let mut texts = self.texts.borrow_mut();
        let place = texts.places.entry(index.0).or_insert_with(|| {
            let place = self.reader.place(index)?;
            Some(Place { file: place.file, line: place.line, column: place.column })
        });
        place.clone()
    }

    /// A site's counters, from about the time of the reading.
    pub(in crate::agent) fn site(&self, index: SiteIndex) -> Option<SiteView> {
        let mut texts = self.texts.borrow_mut();
        let known = texts.sites.get(&index.0).copied();
        // A task may be from a site that is newer than the last look at them; a few looks are enough for any honest record.
        if known.is_none() && texts.looks_at_sites < LOOKS_AT_SITES_MAX {
            texts.looks_at_sites += 1;
            texts.sites = self.reader.sites().into_iter().map(|site| (site.index.0, site)).collect();
        }
        known.or_else(|| texts.sites.get(&index.0).copied())
    }

    /// Where the tasks of a site are spawned.
    pub(in crate::agent) fn site_place(&self, index: SiteIndex) -> Option<Place> {
        let place = self.site(index)?.place;
        self.place(Some(place))
    }

    /// A row of `sites` without its histograms.
    pub(in crate::agent) fn site_row(&self, site: &SiteView) -> Option<Site> {
        Some(Site {
            pid: None,
            loop_id: Some(self.view.id),
            site: self.place(Some(site.place))?,
            name: self.name(site.name),
            live: site.live(),
            spawned: site.spawned,
            completed: site.completed,
            cancelled: site.cancelled,
            panicked: site.panicked,
            busy_ns: site.busy_ns,
            poll: None,
            scheduled: None,
        })
    }
}
