// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The whole jailer. The martlet executable calls it, before any Swift runs, when its name is `martlet-jailer`.
/// Returns the exit status.
int martlet_jailer_main(int argc, char **argv);
