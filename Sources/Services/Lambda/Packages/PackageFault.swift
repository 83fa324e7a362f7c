// SPDX-License-Identifier: Apache-2.0

/// Why an uploaded package is refused. The caller gets AWS's message for the kind; `reason` is for the log.
struct PackageFault: Error, Equatable, CustomStringConvertible {
    enum Kind: Sendable, Equatable {
        /// Not a zip archive, a damaged one, or one that tries to leave its directory.
        case broken
        /// An archive without entries.
        case empty
        /// More bytes than a package may unpack to.
        case tooLarge
    }

    var kind: Kind
    var reason: String

    var description: String { reason }

    static func broken(_ reason: String) -> PackageFault { PackageFault(kind: .broken, reason: reason) }
}

/// What an archive may hold at most.
struct PackageLimits: Sendable {
    /// AWS's limit for code and layers together; a package must stay below it.
    var unpackedBytes = 262_144_000
    var entries = 100_000
    /// Files, links and directories, those included that are only implied by a path.
    var nodes = 200_000
    var pathBytes = 1_024
    var componentBytes = 255
    var depth = 100
    var linkTargetBytes = 4_096
    /// Steps that following all links of one archive may take together.
    var linkSteps = 1_000_000
}
