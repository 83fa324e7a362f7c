// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore

/// Which function a request means: a name, `name:qualifier`, a partial ARN (`123456789012:function:name`) or a full one.
struct FunctionReference: Sendable, Equatable {
    /// The owner: the caller's own account unless the ARN names another.
    var scope: Scope
    var name: String
    /// From the ARN or the `Qualifier` member; nil when neither gives one.
    var qualifier: String?

    /// Throws `ValidationException` for what is no such text, `ResourceNotFoundException` for another region's ARN,
    /// `InvalidParameterValueException` when both places give a qualifier and they differ.
    init(_ text: String, qualifier: String? = nil, in scope: Scope) throws {
        guard let parts = Parts(text) else { throw CommonError.invalidFunctionName(text) }
        if let region = parts.region, region != scope.region.name {
            throw ResourceNotFoundException(
                "Functions from '\(region)' are not reachable in this region ('\(scope.region.name)')"
            )
        }
        if let inName = parts.qualifier, let qualifier, inName != qualifier {
            throw InvalidParameterValueException(
                "The derived qualifier from the function name does not match the specified qualifier."
            )
        }
        self.scope = Scope(account: parts.account ?? scope.account, region: scope.region)
        name = parts.name
        self.qualifier = qualifier ?? parts.qualifier
    }

    var arn: ARN { scope.arn("lambda", "function:\(name)") }
    var qualifiedARN: ARN { arn(qualifier: qualifier) }

    func arn(qualifier: String?) -> ARN {
        guard let qualifier else { return arn }
        return scope.arn("lambda", "function:\(name):\(qualifier)")
    }
}

extension FunctionReference {
    /// The pieces between the colons.
    private struct Parts {
        var region: String?
        var account: AccountID?
        var name = ""
        var qualifier: String?

        init?(_ text: String) {
            guard text.utf8.count <= 512 else { return nil }
            var rest = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)[...]
            if rest.count > 1, rest.first == "arn" {
                guard rest.count >= 4, rest[1].isEmpty || rest[1].hasPrefix("aws"), rest[2] == "lambda" else {
                    return nil
                }
                rest = rest.dropFirst(3)
            }
            if rest.count > 1, let first = rest.first, Self.looksLikeRegion(first) { region = rest.removeFirst() }
            if rest.count > 1, let owner = rest.first.flatMap({ AccountID($0) }) {
                account = owner
                rest.removeFirst()
            }
            if rest.count > 1, rest.first == "function" { rest.removeFirst() }
            guard let name = rest.popFirst(), Self.isName(name) else { return nil }
            self.name = name
            qualifier = rest.popFirst()
            guard rest.isEmpty, qualifier.map(Self.isQualifier) != false else { return nil }
        }

        private static func isName(_ text: String) -> Bool {
            !text.isEmpty && text.utf8.allSatisfy { $0.isNameByte || $0 == UInt8(ascii: ".") }
        }

        private static func isQualifier(_ text: String) -> Bool {
            if text == "$LATEST" || text == "$LATEST.PUBLISHED" { return true }
            return !text.isEmpty && text.utf8.allSatisfy(\.isNameByte)
        }

        /// Two letters, words, one digit: `eu-central-1`, `us-gov-west-1`.
        private static func looksLikeRegion(_ text: String) -> Bool {
            let parts = text.split(separator: "-", omittingEmptySubsequences: false)
            guard parts.count >= 3, let last = parts.last, last.utf8.count == 1, last.utf8.first?.isDigit == true else {
                return false
            }
            return parts.dropLast().allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { $0 >= 0x61 && $0 <= 0x7a } }
        }
    }
}

extension UInt8 {
    var isDigit: Bool { self >= 0x30 && self <= 0x39 }

    /// What names of functions, layers, aliases and statements are made of.
    var isNameByte: Bool {
        isDigit || (self >= 0x41 && self <= 0x5a) || (self >= 0x61 && self <= 0x7a) || self == 0x2d || self == 0x5f
    }
}

extension CommonError {
    static func invalidFunctionName(_ text: String) -> CommonError {
        .constraint(
            text,
            at: "functionName",
            "Member must satisfy regular expression pattern: \(Patterns.namespacedFunctionName.text)"
        )
    }

    /// One violation in the words that AWS generates from its models.
    static func constraint(_ value: String, at member: String, _ constraint: String) -> CommonError {
        .validation(
            "1 validation error detected: Value '\(value)' at '\(member)' failed to satisfy constraint: \(constraint)"
        )
    }
}
