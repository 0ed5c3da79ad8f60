//! The command line of psp-migrate: parse the arguments, run the command, turn its ending into an exit code.

use std::process::ExitCode;

use psp_migrate::commands::{self, Ending};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match commands::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(why) => return ExitCode::from(why.report()),
    };
    match commands::run(cli) {
        Ok(Ending::Equal) => ExitCode::SUCCESS,
        Ok(Ending::Different) => ExitCode::from(1),
        Ok(Ending::Incomplete) => ExitCode::from(2),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            commands::report_failure(&error);
            ExitCode::from(2)
        }
    }
}

/// The reader of the output went away, as `head` does: nothing is wrong.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io_errors = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    io_errors.into_iter().any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}
