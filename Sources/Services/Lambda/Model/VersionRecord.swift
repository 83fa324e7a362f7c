// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Storage

/// A function as a whole: what its versions share.
struct FunctionRecord: Sendable, Equatable {
    var scope: Scope
    var name: String
    /// The number given last; 0 before the first publication. Never counts back.
    var lastVersion: Int
    var reservedConcurrency: Int?
    /// AWS: RecursiveLoop, `Terminate` or `Allow`.
    var recursiveLoop: String

    var arn: ARN { scope.arn("lambda", "function:\(name)") }
}

/// `$LATEST` or a published number, as the store counts them: `$LATEST` is 0.
struct VersionNumber: Sendable, Hashable {
    let number: Int

    static let latest = VersionNumber(number: 0)
    static let latestName = "$LATEST"

    init(number: Int) { self.number = number }

    /// Nil for an alias's name.
    init?(_ text: String) {
        if text == Self.latestName {
            self = .latest
        } else if !text.isEmpty, text.utf8.allSatisfy(\.isDigit), let number = Int(text), number > 0 {
            self.number = number
        } else {
            return nil
        }
    }

    var isLatest: Bool { number == 0 }
    var text: String { isLatest ? Self.latestName : String(number) }
}

/// One version of a function, `$LATEST` included.
struct VersionRecord: Sendable, Equatable {
    var scope: Scope
    var functionName: String
    var number: VersionNumber
    var settings: FunctionSettings
    var code: CodePackage
    var status: VersionStatus
    var marks: Marks
    var runtimeUpdates: RuntimeUpdates
    /// When the snapshot was last started from, or made. Nil of versions without.
    var snapshotUsedAt: Instant? = nil

    struct Marks: Sendable, Equatable {
        /// Changes with everything, the state included.
        var revisionID: String
        /// Changes with what an execution environment can see.
        var generation: String
        /// Of code and settings: equal when nothing changed. A version keeps that of the `$LATEST` it was made from.
        var fingerprint: String
        var lastModified: Instant
    }

    /// AWS: RuntimeManagementConfig
    struct RuntimeUpdates: Sendable, Equatable {
        /// `Auto`, `FunctionUpdate` or `Manual`
        var updateOn: String
        /// With `Manual` only.
        var runtimeVersionARN: String?

        static let automatic = RuntimeUpdates(updateOn: "Auto", runtimeVersionARN: nil)
    }

    var reference: FunctionReference { FunctionReference(scope: scope, name: functionName, qualifier: number.text) }
    /// AWS's CodeSha256: of an archive in base 64, of an image the digits of its digest.
    var codeSum: String { settings.image == nil ? code.sha256Base64 : code.address.hex }
    /// Its environments start from a snapshot.
    var snapStarts: Bool { settings.appliesSnapStart && !number.isLatest }
    var unqualifiedARN: ARN { scope.arn("lambda", "function:\(functionName)") }
    var key: VersionKey {
        VersionKey(scope: scope, functionName: functionName, version: number.text, generation: marks.generation)
    }
}

extension FunctionReference {
    init(scope: Scope, name: String, qualifier: String?) {
        (self.scope, self.name, self.qualifier) = (scope, name, qualifier)
    }
}

/// AWS's State and LastUpdateStatus of one version.
struct VersionStatus: Sendable, Equatable {
    /// Pending → Active, or Failed. With SnapStart: Active → Inactive when nobody uses it → Pending with the next invocation.
    /// Active without, and Failed, are left by nothing but a deletion.
    var state: String
    var stateReason: Reason?
    /// Nil → Successful together with Active; `$LATEST`: Successful or Failed → InProgress with each update → Successful or Failed.
    var update: String?
    var updateReason: Reason?

    struct Reason: Sendable, Equatable {
        var code: String
        var text: String

        static let creating = Reason(code: "Creating", text: "The function is being created.")
        static let idle = Reason(code: "Idle", text: "The function is idle.")
        static let restoring = Reason(code: "Restoring", text: "The function is being restored.")
        static let functionError = Reason(
            code: "FunctionError",
            text: "An error occurred during function initialization."
        )
        static let internalError = Reason(code: "InternalError", text: "An internal error occurred.")
    }

    static let pending = VersionStatus(state: "Pending", stateReason: .creating)
    /// Its snapshot is gone, as nobody has used it.
    static let inactive = VersionStatus(state: "Inactive", stateReason: .idle, update: "Successful")
    /// Of an inactive one that somebody wants.
    static let restoring = VersionStatus(state: "Pending", stateReason: .restoring, update: "Successful")
    static let ready = VersionStatus(state: "Active", update: "Successful")

    var isSettled: Bool { state != "Pending" && update != "InProgress" }

    /// An update of a version that is not Pending.
    var updating: VersionStatus { VersionStatus(state: "Active", update: "InProgress", updateReason: .creating) }

    /// Once the code and layers are in place, or could not be put there.
    func settled(_ failure: Reason? = nil) -> VersionStatus {
        guard let failure else { return .ready }
        if state == "Pending" {
            // AWS says it twice when it was the function's own fault.
            let isFunctions = failure.code == Reason.functionError.code
            return VersionStatus(
                state: "Failed",
                stateReason: failure,
                update: isFunctions ? "Failed" : nil,
                updateReason: isFunctions ? failure : nil
            )
        }
        return VersionStatus(state: state, stateReason: stateReason, update: "Failed", updateReason: failure)
    }
}
