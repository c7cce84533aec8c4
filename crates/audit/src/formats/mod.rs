//! A report as documents for other programs. Equal reports give equal documents.

mod csv;
mod junit;
mod markup;
mod oscal;
mod sarif;

pub use csv::table as csv;
pub use junit::suites as junit;
pub use markup::escaped;
pub use oscal::results as oscal;
pub use sarif::log as sarif;

#[cfg(test)]
mod tests;
