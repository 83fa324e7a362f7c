// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The whole jailer. The martlet executable calls it, before any Swift runs, when its name is `martlet-jailer`.
/// Returns the exit status.
int martlet_jailer_main(int argc, char **argv);

/// The agent of a microVM: this executable as process 1 of the guest, when its name is `martlet-guest`.
int martlet_guest_main(int argc, char **argv);

/// The way out of a microVM, for a thread of what runs beside its monitor: carries on what arrives at `listener`, a Unix
/// socket, for as long as the process lives.
void martlet_way_out(int listener);
