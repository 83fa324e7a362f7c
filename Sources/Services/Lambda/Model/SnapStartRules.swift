// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// What a function must be like for its published versions to start from snapshots.
enum SnapStartRules {
    static let temporaryMiB = 512

    /// Throws AWS's refusals, then Martlet's of what AWS would take.
    static func check(_ settings: FunctionSettings, isImage: Bool) throws {
        if isImage { throw CommonError.notImplemented("SnapStart of container images") }
        guard RuntimeCatalog.withSnapStart.contains(settings.runtime) else { throw refusal(of: settings.runtime) }
        guard settings.sizes.temporaryMiB <= temporaryMiB else {
            throw refusal(of: "Ephemeral storage greater than \(temporaryMiB) MB")
        }
        if settings.fileSystem != nil { throw refusal(of: "FileSystemConfigs") }
        if settings.tenantIsolation != nil { throw refusal(of: "Tenant isolation") }
        switch RuntimeFamily(settings.runtime) {
        case .python, .java: break
        default: throw CommonError.notImplemented("SnapStart of \(settings.runtime)")
        }
    }

    static func refusal(of what: String) -> InvalidParameterValueException {
        InvalidParameterValueException("\(what) is not supported for SnapStart enabled functions.")
    }
}

extension SnapStartNotReadyException {
    static let initializing = SnapStartNotReadyException(
        "Lambda is initializing your function. It will be ready to invoke once your function state becomes ACTIVE."
    )
}

extension SnapStartException {
    static let failedHook = SnapStartException(
        "The afterRestore() runtime hook encountered an error. For more information, check the Amazon CloudWatch logs."
    )
}

extension SnapStartTimeoutException {
    static let tooLate = SnapStartTimeoutException("Lambda couldn't restore the snapshot within the timeout limit.")
}
