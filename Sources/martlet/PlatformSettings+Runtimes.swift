// SPDX-License-Identifier: Apache-2.0
import Configuration
import Glibc
import Lambda
import MartletCLI

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

    /// In bytes.
    static func snapshotBudget(_ reader: ConfigReader) throws -> Int {
        try number(reader, "snapshots", default: LambdaDataPlane.Environment.usualSnapshotGiB, in: 0...1_048_576) << 30
    }
}
