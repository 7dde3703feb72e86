//! The Sites screen: tasks by where they were spawned, which is how a program with a hundred thousand of them is understood.

use super::table::{Row, Table};
use loopscope_inspector::model::rates::{self, SiteRates};
use loopscope_inspector::model::{Place, Process, Site};

impl Row for Site {
    type Beside = ();

    fn is(&self, other: &Self) -> bool {
        (self.loop_id, &self.site) == (other.loop_id, &other.site)
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
