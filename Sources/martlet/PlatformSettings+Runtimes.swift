// SPDX-License-Identifier: Apache-2.0
import Configuration
import Glibc
import Lambda
import MartletCLI
import MartletCore

extension PlatformSettings {
    /// What is named, else what `martlet runtimes sdk` has put into the data directory. A server that keeps nothing uses that
    /// of the usual one: installing an SDK is no data of its own.
    static func sdks(_ reader: ConfigReader, data: String?) throws -> RuntimeSDKs {
        var named: [RuntimeSDKs.Family: String] = [:]
        for text in list(reader, "runtimeSdks") {
            let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, let family = RuntimeSDKs.Family(rawValue: parts[0]), parts[1].hasPrefix("/") else {
                throw Invalid(description: "“\(text)” names no SDK: write python=/PATH or nodejs=/PATH.")
            }
            var status = stat()
            guard stat(parts[1], &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
                throw Invalid(description: "“\(parts[1])” is not a directory of this host.")
            }
            named[family] = parts[1]
        }
        return RuntimeSDKs(data: data ?? DefaultDirectory.data, named: named)
    }

    /// Of those that are asked for, the ones that functions would not find.
    static func missingSDKs(_ reader: ConfigReader, _ sdks: RuntimeSDKs) throws -> [RuntimeSDKs.Family] {
        try list(reader, "installSdk").map { text in
            guard let family = RuntimeSDKs.Family(rawValue: text) else {
                throw Invalid(description: "“\(text)” has no SDK to be installed: write python or nodejs.")
            }
            return family
        }.filter { sdks.directory(of: $0) == nil }
    }

    /// Functions run without them, too, so what keeps one from being installed is only told.
    func installSDKs() {
        for family in missingSDKs {
            do {
                try SDKInstallation(family, data: dataDirectory ?? DefaultDirectory.data).run()
            } catch {
                let reason = (error as? MartletError)?.message ?? "\(error)"
                FileHandles.standardError("martlet: functions of \(family.rawValue) find no SDK: \(reason)\n")
            }
        }
    }

    /// In bytes.
    static func snapshotBudget(_ reader: ConfigReader) throws -> Int {
        try number(reader, "snapshots", default: LambdaDataPlane.Environment.usualSnapshotGiB, in: 0...1_048_576) << 30
    }
}
