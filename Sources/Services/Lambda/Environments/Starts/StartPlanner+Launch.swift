// SPDX-License-Identifier: Apache-2.0
import MartletCore
import Sandbox

extension StartPlanner {
    /// What a sandbox of the version is booted with; nil where the host lacks its runtime. Nobody's credentials are in it.
    func bootPlan(_ version: ExecutableVersion, ofCopies: Bool = false) -> LaunchPlan? {
        // The first invocation says what is missing.
        guard let runtime = try? locator.choose(version.runtime) else { return nil }
        let nobody = SessionCredentials(accessKeyID: "", secretAccessKey: "", sessionToken: "", expiresAt: clock.now)
        return ofCopies
            ? launchPlan(version, runtime, logStream: "", nobody, .snapStart, "")
            : launchPlan(version, runtime, logStream: "", nobody)
    }

    func launchPlan(
        _ version: ExecutableVersion,
        _ runtime: RuntimeChoice,
        logStream: String,
        _ role: SessionCredentials,
        _ initialization: InitializationType = .onDemand,
        _ credentialsToken: String? = nil
    ) -> LaunchPlan {
        let network = networks.choice(of: version.key)
        return LaunchPlan(
            version,
            runtime: runtime,
            runtimeFiles: runtimeFiles.path,
            instance: LaunchPlan.Instance(
                credentials: role,
                credentialsToken: credentialsToken,
                logStream: logStream,
                runtimeAPI: "127.0.0.1:\(LaunchPlan.runtimeAPIPort)",
                endpointURL: hasEndpoint && network.hasEndpoint
                    ? "http://127.0.0.1:\(LaunchPlan.endpointPort)" : nil,
                bootstrap: bootstrap(version, runtime),
                initialization: initialization,
                // What is compiled may come between a template and its copy, and the copy has it in memory.
                compiled: initialization == .snapStart ? [] : compiled(version, runtime),
                sdk: sdks.mount(for: version.runtime, runtime),
                network: network
            )
        )
    }

    /// Asks for what is missing too, so that the next environment has it.
    func compiled(_ version: ExecutableVersion, _ runtime: RuntimeChoice) -> [SandboxMount] {
        guard let compiler, case .python = RuntimeFamily(version.runtime), runtime.image == nil,
            let interpreter = runtime.interpreter
        else { return [] }
        return compiler.mounts(for: version, interpreter)
    }

    private func bootstrap(_ version: ExecutableVersion, _ runtime: RuntimeChoice) -> String {
        switch (RuntimeFamily(version.runtime), runtime.interpreter) {
        // An interpreter of an image cannot be asked to compile here.
        case (.python, _?) where runtime.image != nil: "\(LaunchPlan.runtimeRoot)/python.py"
        case (.python, let interpreter?): "\(LaunchPlan.runtimeRoot)/\(runtimeFiles.pythonBootstrap(for: interpreter))"
        case (.node, _?): "\(LaunchPlan.runtimeRoot)/node.cjs"
        case (.ruby, _?): "\(LaunchPlan.runtimeRoot)/ruby.rb"
        case (.java, _?): "\(LaunchPlan.runtimeRoot)/java.jar"
        case (.provided, _):
            // Where there is none, the sandbox says so.
            CustomBootstrap.path(in: version) ?? CustomBootstrap.paths[0]
        // The runtime of an image that brings its own.
        default: "\(LaunchPlan.runtimeRoot)/bootstrap"
        }
    }
}
