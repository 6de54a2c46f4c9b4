//! The product from outside, as the people who use it, on both databases.

mod story;
