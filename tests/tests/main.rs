//! The product from outside, as the people who use it, on both databases.
#![cfg(test)]

mod account;
mod as_of;
mod assessment;
mod audit;
mod authorization;
mod bare;
mod canaries;
mod coachee;
mod crossing;
mod forgetting;
mod google;
mod histories;
mod keys;
mod live;
mod matrix;
mod message;
mod note;
mod notes;
mod plan;
mod practice;
mod programs;
mod proof;
mod races;
mod rating;
mod reads;
mod retry;
mod session;
mod statements;
mod story;
mod tidy;
mod walls;
