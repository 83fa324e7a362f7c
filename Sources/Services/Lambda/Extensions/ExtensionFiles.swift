// SPDX-License-Identifier: Apache-2.0
import LinuxSystem

/// The external extensions of a version: the files directly in `/opt/extensions`. AWS launches each, and one that cannot
/// be executed fails the environment, so whether it can be is the sandbox's to find out.
enum ExtensionFiles {
    static let folder = LaunchPlan.layersRoot + "/extensions"

    /// What belongs to the runtime's process alone. AWS: Lambda Extensions API, environment variables
    private static let withheld: Set<String> = [
        "AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_XRAY_CONTEXT_MISSING",
        "AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "_AWS_XRAY_DAEMON_ADDRESS",
        "_AWS_XRAY_DAEMON_PORT", "_HANDLER", "MARTLET_LOG_FD", "MARTLET_LAYERS",
    ]

    static func variables(from runtime: [String: String]) -> [String: String] {
        runtime.filter { !withheld.contains($0.key) }
    }

    /// Names in order. Without layers and images there is nothing to look at.
    static func names(of version: ExecutableVersion) -> [String] {
        if let image = version.image { return RootedFile.files(in: folder, ofRoot: image.root) }
        guard let layers = version.layersPath else { return [] }
        return RootedFile.files(in: "/extensions", ofRoot: layers)
    }
}
