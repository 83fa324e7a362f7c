// SPDX-License-Identifier: Apache-2.0

/// How the jailer is started: this very executable under another name, so that Martlet stays one file to copy.
package enum JailerCommand {
    package static let name = "martlet-jailer"
    /// And how it is started in the guest of a microVM.
    package static let guestName = "martlet-guest"
}
