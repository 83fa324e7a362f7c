// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Storage

/// What a caller decides about a function, beside its code: the part that a version freezes.
struct FunctionSettings: Sendable, Equatable {
    var runtime: String
    var handler: String
    var role: String
    var description: String
    var architecture: String
    var sizes: Sizes
    /// `Active` or `PassThrough`
    var tracingMode: String
    var logging: FunctionLogging
    /// Nil when never given: AWS then leaves `Environment` out of its answers, but prints an empty one that was.
    var environment: [String: String]?
    var layers: [AttachedLayer]
    /// Nil for a function of PackageType Zip. With it `runtime` and `handler` are empty, and `VersionRecord.code` is named by
    /// the image's digest.
    var image: FunctionImage? = nil
    /// `PER_TENANT`, for good: AWS knows no way to change it.
    var tenantIsolation: String? = nil
    /// A queue or topic for events that nobody tries any more. AWS: DeadLetterConfig.TargetArn
    var deadLetterTarget: String? = nil
    /// Published versions start from a snapshot. AWS: SnapStart, ApplyOn PublishedVersions
    var appliesSnapStart = false
    var fileSystem: FileSystemMount? = nil

    struct Sizes: Sendable, Equatable {
        var timeoutSeconds: Int
        var memoryMiB: Int
        var temporaryMiB: Int
    }
}

/// A layer version as a function's version holds it. It keeps working when the layer version is deleted.
struct AttachedLayer: Sendable, Equatable {
    var arn: ARN
    var code: CodePackage
}

/// An uploaded archive in the file store.
struct CodePackage: Sendable, Equatable {
    var address: ContentAddress
    /// Of the archive, in bytes: AWS's CodeSize.
    var size: Int
    var unpackedSize: Int

    /// AWS's CodeSha256 of an archive: the sum in base 64.
    var sha256Base64: String { Base64.encode(Hex.decode(address.hex) ?? []) }

    init(address: ContentAddress, size: Int, unpackedSize: Int) {
        (self.address, self.size, self.unpackedSize) = (address, size, unpackedSize)
    }

    init(_ admitted: AdmittedPackage) {
        self.init(address: admitted.address, size: admitted.size, unpackedSize: admitted.unpackedSize)
    }
}
