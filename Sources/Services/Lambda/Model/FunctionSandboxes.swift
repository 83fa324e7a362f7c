// SPDX-License-Identifier: Apache-2.0
package import Sandbox

/// Which function runs in whose sandboxes.
package typealias FunctionSandboxes = FunctionRules<any SandboxDriver>

extension FunctionSandboxes {
    /// Each driver once.
    package var drivers: [any SandboxDriver] {
        choices.reduce(into: []) { drivers, driver in
            if !drivers.contains(where: { $0.name == driver.name }) { drivers.append(driver) }
        }
    }
}
