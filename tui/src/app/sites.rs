//! The Sites screen: tasks by where they were spawned, which is how a program with a hundred thousand of them is understood.

use super::question::{Listing, SiteKey, TableQuestion, Wanted};
use super::source::{self, EXCERPTS_MAX, Excerpts};
use super::table::{Row, Table};
use loopscope_inspector::model::rates::{self, SiteRates};
use loopscope_inspector::model::{Hist, Place, Process, Site};

impl Row for Site {
    type Beside = Option<SiteTimes>;

    fn is(&self, other: &Self) -> bool {
        (self.loop_id, &self.site) == (other.loop_id, &other.site)
    }
}

/// How long things took at one site.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SiteTimes {
    /// Which one.
    pub(crate) of: SiteKey,
    /// How long polls took.
    pub(crate) poll: Hist,
    /// How long tasks stood in the run queue.
    pub(crate) scheduled: Hist,
}

/// What tells a site from the others.
fn key(site: &Site) -> SiteKey {
    SiteKey { loop_id: site.loop_id, site: site.site.clone() }
}

/// The Sites screen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sites {
    /// The table.
    pub(crate) table: Table<Site>,
    /// Lines of source around the sites that were selected.
    pub(crate) excerpts: Excerpts,
}

impl Default for Sites {
    fn default() -> Self {
        Self { table: Table::new(Listing::Sites), excerpts: Excerpts::default() }
    }
}

impl Sites {
    /// What to ask for with so many rows on the screen, and whether there is room for histograms.
    pub(crate) fn question(&self, screen: u16, bars: bool) -> TableQuestion {
        let selected = self.table.selected().filter(|_| bars);
        let histograms = selected.map(|site| Wanted::Site(key(site)));
        TableQuestion { histograms, ..self.table.question(screen) }
    }

    /// How long things took at a site, if it is the one that was asked for.
    pub(crate) fn times(&self, site: &Site) -> Option<&SiteTimes> {
        let (_, page) = self.table.page.as_ref()?;
        page.beside.as_ref().filter(|times| times.of == key(site))
    }

    /// The place of the selected site, if its lines have not been read; they are taken to be read now.
    pub(crate) fn ask(&mut self) -> Vec<Place> {
        let Some(site) = self.table.selected() else { return Vec::new() };
        if self.excerpts.len() == EXCERPTS_MAX && !self.excerpts.contains_key(&site.site) {
            self.excerpts.clear();
        }
        source::ask(&mut self.excerpts, std::iter::once(&site.site))
    }
}

/// What the tasks of a site did between the page before and this one; `None` if it was in only one of them.
pub(crate) fn rates(table: &Table<Site>, site: &Site) -> Option<SiteRates> {
    let (before, window_ns) = table.before(site)?;
    rates::site_rates(Some(before), site, window_ns)
}

/// The filter of Tasks that leaves the tasks of a site.
pub(crate) fn tasks_filter(site: &Site, process: &Process) -> String {
    let place = place_text(&site.site);
    match site.loop_id.filter(|_| process.loops != Some(1)) {
        // Sites are counted for each loop, so that a row is of one loop's tasks.
        Some(id) => format!("site=\"{place}\" loop={id}"),
        None => format!("site=\"{place}\""),
    }
}

/// A place as a filter names it: the column of the source line is left out.
fn place_text(place: &Place) -> String {
    format!("{}:{}", place.file, place.line).replace(['"', '\\'], "")
}
