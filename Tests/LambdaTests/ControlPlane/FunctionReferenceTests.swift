// SPDX-License-Identifier: Apache-2.0
import AWSWire
import MartletCore
import Testing

@testable import Lambda

@Suite("Names of functions") struct FunctionReferenceTests {
    private let scope = Scope(account: .local, region: .usEast1)

    @Test(
        "every form that AWS takes is understood",
        arguments: [
            ("f", nil, "000000000000", nil), ("f:7", nil, "000000000000", "7"), ("f", "prod", "000000000000", "prod"),
            ("f:prod", "prod", "000000000000", "prod"), ("function:f", nil, "000000000000", nil),
            ("123456789012:function:f", nil, "123456789012", nil), ("123456789012:f:1", nil, "123456789012", "1"),
            ("arn:aws:lambda:us-east-1:123456789012:function:f", nil, "123456789012", nil),
            ("arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST", nil, "123456789012", "$LATEST"),
            ("us-east-1:123456789012:function:f", nil, "123456789012", nil),
        ] as [(String, String?, String, String?)]
    )
    func forms(text: String, qualifier: String?, account: String, expected: String?) throws {
        let reference = try FunctionReference(text, qualifier: qualifier, in: scope)
        #expect(reference.name == "f")
        #expect(reference.scope.account.text == account)
        #expect(reference.qualifier == expected)
    }

    @Test(
        "names that look like something else are names when they stand alone",
        arguments: ["function", "us-east-1", "123456789012", "arn"]
    )
    func odd(name: String) throws { #expect(try FunctionReference(name, in: scope).name == name) }

    @Test(
        "anything else is a violation of the pattern",
        arguments: [
            "", ":", "f:", "f:1:2", "a b", "arn:aws:s3:::bucket", "arn:aws:lambda", "function:", "f/g",
            "arn:aws:lambda:us-east-1:1:function:f",
        ]
    )
    func broken(text: String) {
        #expect { try FunctionReference(text, in: scope) } throws: {
            ($0 as? CommonError)?.code == "ValidationException"
        }
    }

    @Test("another region's function is not reachable")
    func otherRegion() {
        #expect {
            try FunctionReference("arn:aws:lambda:us-west-2:000000000000:function:f", in: scope)
        } throws: {
            ($0 as? ResourceNotFoundException)?.message
                == "Functions from 'us-west-2' are not reachable in this region ('us-east-1')"
        }
    }

    @Test("qualifiers in both places must agree")
    func twoQualifiers() {
        #expect {
            try FunctionReference("f:1", qualifier: "2", in: scope)
        } throws: {
            ($0 as? InvalidParameterValueException)?.message
                == "The derived qualifier from the function name does not match the specified qualifier."
        }
    }
}
