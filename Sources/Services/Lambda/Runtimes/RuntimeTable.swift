// SPDX-License-Identifier: Apache-2.0
import OCI

/// How each runtime identifier that AWS takes is served on this host, for `martlet runtimes`.
package struct RuntimeTable: Sendable {
    package struct Row: Sendable, Equatable {
        package var identifier: String
        /// Whether functions of this runtime can be made here, exactly or with the nearest version.
        package var isServed: Bool
        /// By what, or what is missing.
        package var explanation: String
    }

    package let rows: [Row]

    /// Whether AWS takes the identifier for new functions.
    package static func isKnown(_ identifier: String) -> Bool { RuntimeCatalog.supported.contains(identifier) }

    package init(_ locator: RuntimeLocator) {
        rows = RuntimeCatalog.supported.map { identifier in
            do {
                return Row(
                    identifier: identifier,
                    isServed: true,
                    explanation: try Self.explain(locator.choose(identifier))
                )
            } catch let unavailable as RuntimeUnavailable {
                return Row(identifier: identifier, isServed: false, explanation: unavailable.message)
            } catch {
                return Row(identifier: identifier, isServed: false, explanation: "\(error)")
            }
        }
    }

    private static func explain(_ choice: RuntimeChoice) -> String {
        let program = choice.interpreter.map { "\($0.path)" }
        if let image = choice.image {
            let how = program.map { "\($0) with Martlet's bootstrap" } ?? "the image's own bootstrap or the package's"
            return "in \(image.reference): \(how)"
        }
        guard let program else { return "the package's or a layer's bootstrap, on the host's /usr" }
        guard choice.isNearest, let version = choice.interpreter?.version else { return program }
        return "\(program) (version \(version) is the nearest here: in open mode only)"
    }
}
