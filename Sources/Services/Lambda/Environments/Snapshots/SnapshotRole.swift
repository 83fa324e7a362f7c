// SPDX-License-Identifier: Apache-2.0

/// What an environment has to do with its version's snapshot.
enum SnapshotRole: Sendable, Equatable {
    /// Nothing.
    case none
    /// It is initialised to be snapshot, and gets no invocation.
    case template
    /// It has been started from the snapshot.
    case copy
    /// The snapshot is missing: it is initialised in a copy's place, and then goes the way of one.
    case standIn

    /// Whether it is made ready for invocations by being restored.
    var isRestored: Bool { self == .copy || self == .standIn }
}
