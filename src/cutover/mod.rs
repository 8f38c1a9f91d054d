//! Taking the steps of a migration, by hand or by a controller.
//!
//! [`judge`] looks, decides and keeps the verdict. [`advance`] does so and takes the next step if the verdict is a pass, or if
//! somebody takes it upon himself. [`Ramp`] does that again and again, with a time each step has to stand.
//!
//! A step is taken only if no flag was changed since the verdict: two who advance at once take one step, not two.

mod advance;
mod error;
mod ramp;

pub use self::{
    advance::{Advance, Kept, Taken, advance, judge},
    error::CutoverError,
    ramp::{Ramp, RampOptions, Round},
};
