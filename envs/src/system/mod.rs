//! Queues and links in continuous time: arrivals, places, uplinks, devices and servers.

pub mod arrival;

pub mod place;

pub mod link;

pub mod radio;

pub mod device;

pub mod server;
