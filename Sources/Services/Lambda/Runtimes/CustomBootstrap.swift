// SPDX-License-Identifier: Apache-2.0
import Glibc

/// The `bootstrap` that a custom runtime brings along.
enum CustomBootstrap {
    /// Where AWS looks, in this order.
    static let paths = ["\(LaunchPlan.taskRoot)/bootstrap", "\(LaunchPlan.layersRoot)/bootstrap"]

    /// AWS's words when there is none.
    static let isMissing = "Couldn't find valid bootstrap(s): [\(paths.joined(separator: " "))]"

    /// The path inside of the first that is there, whether or not it can be executed; nil when there is none.
    static func path(in version: ExecutableVersion) -> String? {
        zip(paths, [version.codePath, version.layersPath]).first { _, directory in
            guard let kind = directory.flatMap({ HostPath($0).appending("bootstrap").kind }) else { return false }
            return kind != S_IFDIR
        }?.0
    }
}
