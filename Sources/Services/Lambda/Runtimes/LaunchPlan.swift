// SPDX-License-Identifier: Apache-2.0
import MartletCore
import OCI
import Sandbox

/// Why an environment is initialised. AWS: AWS_LAMBDA_INITIALIZATION_TYPE
enum InitializationType: String, Sendable {
    case onDemand = "on-demand"
    case provisioned = "provisioned-concurrency"
    case snapStart = "snap-start"
}

/// What one environment of a version is started with: command, variables, mounts. A value; of the host it looks at
/// the layers' or the image's extensions only.
struct LaunchPlan: Sendable, Equatable {
    var command: [String]
    var environment: [String: String]
    var mounts: [SandboxMount]
    var root = RootFileSystem.host
    var workingDirectory = Self.taskRoot
    /// The names of the external extensions that run beside it.
    var extensions: [String]
    var network = FunctionNetwork.endpoint

    /// Where things are inside.
    static let taskRoot = "/var/task"
    static let layersRoot = "/opt"
    static let runtimeRoot = "/var/runtime"
    /// As on AWS; functions may have it written down.
    static let runtimeAPIPort: UInt16 = 9_001
    /// The AWS endpoint inside, the same port as outside.
    static let endpointPort: UInt16 = 4_566

    /// What differs from environment to environment.
    struct Instance: Sendable {
        var credentials: SessionCredentials
        /// With it the credentials are not in the environment, which a snapshot would keep: they are asked for.
        var credentialsToken: String? = nil
        var logStream: String
        /// `host:port` as seen from inside.
        var runtimeAPI: String
        /// Nil when there is no AWS endpoint inside.
        var endpointURL: String?
        /// What the runtime begins with, as a path inside: Martlet's bootstrap, or for `provided` the function's own.
        var bootstrap: String
        var initialization = InitializationType.onDemand
        /// What was compiled ahead of the version's Python, as mounts below `PythonCompiler.visibleRoot`.
        var compiled: [SandboxMount] = []
        /// The SDK that the runtime has on AWS.
        var sdk: SandboxMount? = nil
        var network = FunctionNetwork.endpoint
    }

    /// `runtimeFiles` is the host directory that holds the bootstraps.
    init(_ version: ExecutableVersion, runtime: RuntimeChoice, runtimeFiles: String, instance: Instance) {
        extensions = ExtensionFiles.names(of: version)
        network = instance.network
        if let image = version.image {
            (command, workingDirectory, mounts) = (image.command, image.workingDirectory, [])
            root = .directory(image.root)
            environment = Self.environment(version, image, instance)
            return
        }
        mounts = [SandboxMount(source: version.codePath, target: Self.taskRoot)]
        if let layers = version.layersPath { mounts.append(SandboxMount(source: layers, target: Self.layersRoot)) }
        if let interpreter = runtime.interpreter {
            mounts.append(SandboxMount(source: runtimeFiles, target: Self.runtimeRoot))
            mounts += interpreter.prefixes.map { SandboxMount(source: $0, target: $0) }
            if let sdk = instance.sdk { mounts.append(sdk) }
        }
        mounts += instance.compiled
        let variables = Self.environment(version, runtime, instance)
        environment = variables
        command =
            runtime.interpreter.map {
                RuntimeCommand(version, $0, bootstrap: instance.bootstrap, environment: variables).words
            } ?? [instance.bootstrap]
        if let image = runtime.image { root = .directory(image.root) }
    }

    private static func environment(
        _ version: ExecutableVersion,
        _ runtime: RuntimeChoice,
        _ instance: Instance
    ) -> [String: String] {
        // The function's own variables first: reserved ones cannot be set by it, the rest may override Martlet's defaults.
        var variables = defaults(version, runtime)
        variables.merge(runtime.image?.configuration.environment ?? [:]) { _, image in image }
        variables.merge(version.environment) { _, own in own }
        variables.merge(reserved(version, instance)) { _, reserved in reserved }
        return variables
    }

    /// In an image: what the image sets, then the function's own, then what is AWS's to set.
    private static func environment(
        _ version: ExecutableVersion,
        _ image: ExecutableImage,
        _ instance: Instance
    ) -> [String: String] {
        var variables = ["LAMBDA_TASK_ROOT": taskRoot, "LAMBDA_RUNTIME_DIR": runtimeRoot]
        variables["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        variables.merge(image.environment) { _, image in image }
        variables.merge(version.environment) { _, own in own }
        var reserved = reserved(version, instance)
        // The image's entry point knows its handler and where its things are.
        for name in ["_HANDLER", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"] { reserved[name] = nil }
        variables.merge(reserved) { _, reserved in reserved }
        return variables
    }

    /// What a function may override.
    private static func defaults(_ version: ExecutableVersion, _ runtime: RuntimeChoice) -> [String: String] {
        var variables = [
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin:/bin:/opt/bin",
            "LD_LIBRARY_PATH":
                "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
            "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        ]
        switch RuntimeFamily(version.runtime) {
        case .node(let major):
            variables["NODE_PATH"] =
                "/opt/nodejs/node\(major)/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"
        case .python:
            // Python is not told of its layers by a variable on AWS. This one is Martlet's, for sandboxes that cannot mount
            // them at /opt; the bootstrap takes it away.
            variables["MARTLET_LAYERS"] = layersRoot
        case .ruby(let version):
            let number = "\(version / 100).\(version % 100).0"
            variables["GEM_PATH"] = "/var/task/vendor/bundle/ruby/\(number):/opt/ruby/gems/\(number)"
            variables["RUBYLIB"] = "/var/task:/var/runtime/lib:/opt/ruby/lib"
        case .java, .provided, .other:
            break
        }
        return variables
    }

    /// What differs between environments of one version. Those with a snapshot have none of it, as on AWS.
    private static func ownOfEnvironment(_ version: ExecutableVersion, _ instance: Instance) -> [String: String] {
        if let token = instance.credentialsToken {
            return [
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://\(instance.runtimeAPI)\(EnvironmentCredentials.path)",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
            ]
        }
        return [
            "AWS_LAMBDA_LOG_GROUP_NAME": version.logging.group,
            "AWS_LAMBDA_LOG_STREAM_NAME": instance.logStream,
            "AWS_ACCESS_KEY_ID": instance.credentials.accessKeyID,
            "AWS_SECRET_ACCESS_KEY": instance.credentials.secretAccessKey,
            "AWS_SESSION_TOKEN": instance.credentials.sessionToken,
        ]
    }

    private static func reserved(_ version: ExecutableVersion, _ instance: Instance) -> [String: String] {
        let key = version.key
        var variables = [
            "_HANDLER": version.handler,
            "AWS_REGION": key.scope.region.name,
            "AWS_DEFAULT_REGION": version.environment["AWS_DEFAULT_REGION"] ?? key.scope.region.name,
            "AWS_LAMBDA_FUNCTION_NAME": key.functionName,
            "AWS_LAMBDA_FUNCTION_VERSION": key.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": String(version.memoryMiB),
            "AWS_LAMBDA_INITIALIZATION_TYPE": instance.initialization.rawValue,
            "AWS_LAMBDA_RUNTIME_API": instance.runtimeAPI,
            "LAMBDA_TASK_ROOT": taskRoot,
            "LAMBDA_RUNTIME_DIR": runtimeRoot,
        ]
        variables.merge(ownOfEnvironment(version, instance)) { _, own in own }
        let hasBootstrap = version.image == nil && RuntimeFamily(version.runtime) != .provided
        if hasBootstrap {
            variables["AWS_EXECUTION_ENV"] = "AWS_Lambda_\(version.runtime)"
        }
        if let endpoint = instance.endpointURL {
            variables["AWS_ENDPOINT_URL"] = version.environment["AWS_ENDPOINT_URL"] ?? endpoint
        }
        if version.logging.format == "JSON" {
            variables["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
            variables["AWS_LAMBDA_LOG_LEVEL"] = version.logging.applicationLevel ?? "INFO"
        }
        // The bootstraps frame records of several lines on the output pipe, so that each stays one log event.
        if hasBootstrap { variables["MARTLET_LOG_FD"] = "2" }
        // The bootstrap puts it last on its path. Node.js finds its own by the NODE_PATH of AWS.
        if case .python = RuntimeFamily(version.runtime) { variables["MARTLET_SDK"] = instance.sdk?.target }
        if !instance.compiled.isEmpty {
            // A path for each, as a sandbox that cannot mount has them in different places; what is missing is empty.
            variables["MARTLET_COMPILED"] = PythonCompiler.folders.map { folder in
                instance.compiled.map(\.target).first { $0.hasSuffix("/\(folder)") } ?? ""
            }.joined(separator: ":")
        }
        return variables
    }
}
