// SPDX-License-Identifier: Apache-2.0
import MartletCore

/// How a service words the violations of its model's constraints. The form is the same everywhere, these details are not.
package struct ValidationStyle: Sendable {
    /// `ValidationException`, `ValidationError` (Query), `InvalidParameterException` (Logs).
    package var code: String
    /// Whether the offending value is quoted. IAM never does.
    package var showsValues: Bool
    /// Whether the constraints of a list's elements end with `Member must not be null`, as in Lambda.
    package var elementsAreNeverNull: Bool

    package init(code: String = "ValidationException", showsValues: Bool = true, elementsAreNeverNull: Bool = false) {
        self.code = code
        self.showsValues = showsValues
        self.elementsAreNeverNull = elementsAreNeverNull
    }

    static func usual(for wire: WireProtocol) -> ValidationStyle {
        switch wire {
        case .restJSON: ValidationStyle(elementsAreNeverNull: true)
        case .json10, .json11: ValidationStyle()
        case .query: ValidationStyle(code: "ValidationError")
        }
    }

    /// All violations in one error; nil where there are none.
    func error(_ violations: [String]) -> CommonError? {
        guard !violations.isEmpty else { return nil }
        let count = violations.count == 1 ? "1 validation error" : "\(violations.count) validation errors"
        return CommonError(code, "\(count) detected: \(violations.joined(separator: "; "))")
    }
}
