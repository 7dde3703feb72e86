//! Filters, checked before they are asked: `model::query` says what is wrong with one, and where.

use super::tasks::Mistake;
use loopscope_inspector::model::Task;
use loopscope_inspector::model::query::Filter;

/// Whether a filter can be asked; if not, what is wrong with it.
pub(crate) fn check(text: &str) -> Result<(), Mistake> {
    match Filter::parse::<Task>(text) {
        Ok(_) => Ok(()),
        Err(error) => {
            let at = text.get(..error.position()).map_or(0, |before| before.chars().count());
            Err(Mistake { message: error.to_string(), at })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_pointed_at_in_characters() {
        assert_eq!(check("state=idle name~^work busy>10ms"), Ok(()));
        assert_eq!(check(""), Ok(()));
        let mistake = check("name=ä nmae=x").unwrap_err();
        assert_eq!(mistake.at, 7);
        assert_eq!(mistake.message, "there is no column `nmae`; did you mean `name`?");
    }
}
