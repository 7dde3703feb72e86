//! What a client asks for.

/// Which tables a picture shall have, and which rows of each.
///
/// Nothing is asked for by default; a picture without a table still says which process it is of.
///
/// ```
/// use loopscope_inspector::wire::{Query, Request};
///
/// let request = Request { tasks: Some(Query::all().filter("state=idle").sort("-busy").limit(50)), ..Request::default() };
/// # assert_eq!(request.tasks.unwrap().limit, Some(50));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `tasks`.
    pub tasks: Option<Query>,
    /// `tree`.
    pub tree: Option<TreeQuery>,
    /// `sites`.
    pub sites: Option<Query>,
    /// `timers`.
    pub timers: Option<Query>,
    /// `io`.
    pub io: Option<Query>,
    /// `sync`.
    pub sync: Option<Query>,
    /// `blocking`, and the pools.
    pub blocking: Option<Query>,
    /// `loops`.
    pub loops: Option<Query>,
    /// `warnings`.
    pub warnings: Option<Query>,
    /// The cycles of the wait-for graph.
    pub cycles: bool,
    /// How many tasks there are in each state.
    pub states: bool,
    /// A task to be shown in detail.
    pub detail: Option<u64>,
    /// A task whose chain of waits is asked for.
    pub why: Option<u64>,
    /// The inspector's own loops and tasks as well.
    pub hidden: bool,
    /// A poll that took as long is a warning `slow-poll`, and `blocked` while it is under way; the default is 100 ms.
    pub slow_poll_ns: Option<u64>,
    /// What is told otherwise than the application does: names of lints, and what
    /// [`Thresholds::set_by_words`](crate::model::Thresholds::set_by_words) takes.
    pub lints: Vec<(String, String)>,
}

/// Which rows of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// In the filter language of the command line; empty for all.
    pub filter: String,
    /// A column, with `-` in front for descending; empty for the table's own order.
    pub sort: String,
    /// Rows left out at the beginning.
    pub offset: u64,
    /// Rows at most; `None` for as many as one picture may have.
    pub limit: Option<u64>,
    /// The page that holds this task, of `limit` rows, instead of the one at `offset`; where there is no such row, `offset`
    /// counts. For `tasks` and `tree`.
    pub around: Option<u64>,
}

impl Query {
    /// All rows, as far as one picture goes.
    pub fn all() -> Self {
        Self::default()
    }

    /// Only the rows that match.
    #[must_use]
    pub fn filter(mut self, expression: impl Into<String>) -> Self {
        self.filter = expression.into();
        self
    }

    /// Sorted by a column, with `-` in front for descending.
    #[must_use]
    pub fn sort(mut self, column: impl Into<String>) -> Self {
        self.sort = column.into();
        self
    }

    /// Without the first rows.
    #[must_use]
    pub fn offset(mut self, rows: u64) -> Self {
        self.offset = rows;
        self
    }

    /// That many rows at most.
    #[must_use]
    pub fn limit(mut self, rows: u64) -> Self {
        self.limit = Some(rows);
        self
    }

    /// The page that holds this task.
    #[must_use]
    pub fn around(mut self, task: u64) -> Self {
        self.around = Some(task);
        self
    }
}

/// Which rows of the task tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeQuery {
    /// Rows that match, and their ancestors; `sort` orders siblings.
    pub query: Query,
    /// Levels that are open unless said otherwise; `None` for all, 0 for the roots alone.
    pub depth: Option<u32>,
    /// Tasks whose children are shown whatever the depth.
    pub expanded: Vec<u64>,
    /// Tasks whose children are not shown whatever the depth.
    pub collapsed: Vec<u64>,
    /// Finished tasks as well: without a filter those of the last three seconds, with one all that the records still hold.
    pub finished: bool,
}
