//! Filters, checked before they are asked: `model::query` says what is wrong with one, and where.

use super::question::Listing;
use super::table::Mistake;
use loopscope_inspector::model::query::{Filter, QueryError, Row as _};
use loopscope_inspector::model::{Io, LogLine, Site, Sync, Task, Timer, Warning};

/// Whether a filter can be asked of a table; if not, what is wrong with it.
pub(crate) fn check(of: Listing, text: &str) -> Result<(), Mistake> {
    let parsed: Result<Filter, QueryError> = match of {
        Listing::Tasks => Filter::parse::<Task>(text),
        Listing::Sites => Filter::parse::<Site>(text),
        Listing::Timers => Filter::parse::<Timer>(text),
        Listing::Io => Filter::parse::<Io>(text),
        Listing::Sync => Filter::parse::<Sync>(text),
        Listing::Warnings => Filter::parse::<Warning>(text),
        Listing::Logs => Filter::parse::<LogLine>(text),
    };
    match parsed {
        Ok(_) => Ok(()),
        Err(error) => {
            let at = text.get(..error.position()).map_or(0, |before| before.chars().count());
            Err(Mistake { message: error.to_string(), at })
        }
    }
}

/// The columns that a filter of a table can name.
pub(crate) fn columns(of: Listing) -> Vec<&'static str> {
    let columns = match of {
        Listing::Tasks => Task::COLUMNS,
        Listing::Sites => Site::COLUMNS,
        Listing::Timers => Timer::COLUMNS,
        Listing::Io => Io::COLUMNS,
        Listing::Sync => Sync::COLUMNS,
        Listing::Warnings => Warning::COLUMNS,
        Listing::Logs => LogLine::COLUMNS,
    };
    columns.iter().map(|column| column.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_pointed_at_in_characters() {
        assert_eq!(check(Listing::Tasks, "state=idle name~^work busy>10ms"), Ok(()));
        assert_eq!(check(Listing::Tasks, ""), Ok(()));
        let mistake = check(Listing::Tasks, "name=ä nmae=x").unwrap_err();
        assert_eq!(mistake.at, 7);
        assert_eq!(mistake.message, "there is no column `nmae`; did you mean `name`?");
    }

    #[test]
    fn each_table_has_columns_of_its_own() {
        assert_eq!(check(Listing::Io, "peer=10.0.0.7 bytes_read>1MB"), Ok(()));
        let mistake = check(Listing::Timers, "peer=10.0.0.7").unwrap_err();
        assert!(mistake.message.starts_with("there is no column `peer`"), "{}", mistake.message);
    }
}
