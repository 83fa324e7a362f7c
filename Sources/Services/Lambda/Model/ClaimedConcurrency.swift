// SPDX-License-Identifier: Apache-2.0

/// What an account has set aside in a region, so that its other functions cannot have it.
struct ClaimedConcurrency: Sendable, Equatable {
    /// By PutFunctionConcurrency.
    var reserved = 0
    /// By provisioned concurrency of functions without a reservation; that of others is within theirs.
    var provisioned = 0

    var total: Int { reserved + provisioned }
}
