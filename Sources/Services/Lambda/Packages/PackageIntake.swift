// SPDX-License-Identifier: Apache-2.0
import AWSWire
import Logging
import MartletCore
import NIOCore
import Storage

/// Takes uploaded archives in: checks and unpacks them, then stores them. Speaks AWS's errors.
struct PackageIntake: Sendable {
    /// Of an archive that comes inside a request.
    static let archiveBytes = 52_428_800
    /// AWS's CodeStorage quota of an account in a region: 75 GB.
    static let storageBytes = 80_530_636_800
    private static let claimAttempts = 200
    private static let claimPause = Duration.milliseconds(50)

    let store: LambdaStore
    let files: any FileStore
    let unpacked: UnpackedPackages
    let clock: any WallClock

    /// Once this returns, the archive is in the file store and unpacked on this machine. Whatever throws leaves nothing of a
    /// new archive behind.
    func admit(_ archive: Blob?, _ context: RequestContext) async throws -> CodePackage {
        let bytes = try checked(archive)
        try await claim(UnpackedPackages.address(of: bytes))
        let admitted = try await refusing(context) { try await unpacked.admit(bytes) }
        _ = try await files.put(bytes)
        return CodePackage(admitted)
    }

    /// Every check of `admit`, without storing anything.
    func inspect(_ archive: Blob?, _ context: RequestContext) async throws -> CodePackage {
        let bytes = try checked(archive)
        return CodePackage(try await refusing(context) { try await unpacked.inspect(bytes) })
    }

    private func checked(_ archive: Blob?) throws -> [UInt8] {
        guard let archive else { throw InvalidParameterValueException("Please provide a source for function code.") }
        guard archive.readableBytes <= Self.archiveBytes else {
            throw CommonError(
                "RequestEntityTooLargeException",
                "Zipped size must be smaller than \(Self.archiveBytes) bytes",
                status: 413
            )
        }
        guard archive.readableBytes > 0 else { throw InvalidParameterValueException(PackageFault.emptyMessage) }
        return Array(archive.readableBytesView)
    }

    private func refusing<T>(_ context: RequestContext, _ work: () async throws -> T) async throws -> T {
        do {
            return try await work()
        } catch let fault as PackageFault {
            context.logger.info("an uploaded package is refused", metadata: ["reason": "\(fault.reason)"])
            throw InvalidParameterValueException(fault.awsMessage(limit: unpacked.limits.unpackedBytes))
        }
    }

    /// A package whose files are just being removed is back in a moment.
    private func claim(_ address: ContentAddress) async throws {
        for _ in 0..<Self.claimAttempts {
            let now = clock.now
            if try await store.write({ try $0.claimPackage(address, at: now) }) { return }
            try await clock.sleep(for: Self.claimPause)
        }
        throw MartletError("package.leaving", "the package \(address) does not finish being removed")
    }
}

extension PackageFault {
    fileprivate static let emptyMessage = "Uploaded file must be a non-empty zip"

    fileprivate func awsMessage(limit: Int) -> String {
        switch kind {
        case .broken: "Could not unzip uploaded file. Please check your file, then try to upload again."
        case .empty: Self.emptyMessage
        case .tooLarge: "Unzipped size must be smaller than \(limit) bytes"
        }
    }
}
