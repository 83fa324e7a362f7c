// SPDX-License-Identifier: Apache-2.0
import Glibc
package import Lambda
import MartletCore

/// Installs a family's AWS SDK into a data directory, by the programs of this host, at the terminal of this one.
///
/// It takes effect whole or not at all. Killed in the middle, it leaves what was in use in use, and its place to the next one,
/// as soon as the program that it ran has ended, too.
package struct SDKInstallation: Sendable {
    private let family: RuntimeSDKs.Family
    private let origin: SDKInstall.Origin
    private let data: String
    private var folder: SDKFolder { SDKFolder(data: data, family) }

    package init(_ family: RuntimeSDKs.Family, _ origin: SDKInstall.Origin = .packages([]), data: String) {
        (self.family, self.origin, self.data) = (family, origin, data)
    }

    /// Whether the data directory has one.
    package var isThere: Bool { folder.current != nil }

    /// Throws `MartletError`, with what is missing on this host or has failed.
    package func run() throws {
        try makeDataDirectory()
        let draft = try folder.begin(SystemIDSource())
        do {
            try fill(draft)
        } catch {
            try folder.abandon(draft)
            throw error
        }
        try folder.finish(draft)
        FileHandles.standardOutput("functions of \(family.rawValue) find it from their next cold start on\n")
    }

    private func fill(_ draft: SDKFolder.Draft) throws {
        // Sandboxes have users of their own, who are to read it.
        let mask = umask(0o022)
        defer { _ = umask(mask) }
        let install = try SDKInstall(
            family,
            origin,
            into: draft.path,
            finder: .ofThisHost(),
            searchPath: getenv("PATH").map { String(cString: $0) } ?? ""
        )
        for step in install.steps {
            // The lock is the program's, too: nobody clears the directory away while it still writes there.
            let status = try ForegroundProgram.run(step.command, keepingOpen: draft.lock)
            guard status != 0 else { continue }
            guard let excuse = step.excuse else {
                throw MartletError("cli.sdk", "\(step.command.prefix(4).joined(separator: " ")) … failed (\(status))")
            }
            FileHandles.standardError("martlet: \(excuse)\n")
        }
    }

    /// With the mode that the server gives it.
    private func makeDataDirectory() throws {
        guard mkdir(data, 0o700) == 0 || errno == EEXIST else {
            throw MartletError("cli.sdk", "cannot make \(data): \(String(cString: strerror(errno)))")
        }
    }
}
