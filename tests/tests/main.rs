//! The product from outside, as the people who use it, on both databases.
#![cfg(test)]

mod account;
mod audit;
mod coachee;
mod matrix;
mod plan;
mod practice;
mod story;
