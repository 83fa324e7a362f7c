// SPDX-License-Identifier: Apache-2.0
import Sandbox

/// The AWS SDKs that functions of managed runtimes find without bringing them: a directory of this host for each family
/// whose runtimes have one on AWS, mounted read-only at AWS's place.
///
/// Looked at anew for each start, so what `martlet runtimes sdk` installs is there from the next cold start on.
package struct RuntimeSDKs: Sendable {
    package enum Family: String, Sendable, CaseIterable { case python, nodejs }

    private let named: [Family: String]
    private let data: String?

    /// What is `named` goes before what the data directory has.
    package init(data: String? = nil, named: [Family: String] = [:]) { (self.data, self.named) = (data, named) }

    /// The directory that holds the packages; nil where there is none.
    package func directory(of family: Family) -> String? {
        guard let path = named[family] ?? data.flatMap({ SDKFolder(data: $0, family).current }) else { return nil }
        let directory = HostPath(path)
        // npm installs into a directory of its own below the one that it is given.
        let inner = directory.appending("node_modules")
        if family == .nodejs, inner.isDirectory { return inner.description }
        return directory.isDirectory ? path : nil
    }

    /// An image has what it has.
    func mount(for identifier: String, _ runtime: RuntimeChoice) -> SandboxMount? {
        guard runtime.image == nil, let interpreter = runtime.interpreter else { return nil }
        switch RuntimeFamily(identifier) {
        case .python:
            let target = "/var/lang/lib/python\(interpreter.version)/site-packages"
            return directory(of: .python).map { SandboxMount(source: $0, target: target) }
        case .node:
            let target = "\(LaunchPlan.runtimeRoot)/node_modules"
            return directory(of: .nodejs).map { SandboxMount(source: $0, target: target) }
        case .ruby, .java, .provided, .other:
            return nil
        }
    }
}
