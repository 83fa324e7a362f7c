import HTTPTypes
import MartletCore
import NIOCore
import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import AWSWire

@Suite("Violations of a model")
struct ValidationTests {
    private func message(
        _ service: WireService,
        _ operation: String,
        path: String = "/",
        query: String = "",
        method: String = "POST",
        _ body: String
    ) throws -> CommonError {
        let wire = try #require(service.model.protocols.first)
        var request = WireRequest(method: method, path: path, query: query, body: .buffer(ByteBuffer(string: body)))
        if wire == .query { request.headers[.contentType] = "application/x-www-form-urlencoded" }
        let binding = try service.operation(operation)
        return try #require(throws: CommonError.self) {
            try service.model.codec(wire).readInput(of: binding, from: request)
        }
    }

    private let rolePattern = #"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"#

    @Test("a missing member is null, and every violation is in the one message")
    func missing() throws {
        let error = try message(
            .lambda,
            "CreateFunction",
            path: "/2015-03-31/functions",
            #"{"FunctionName":"f","Role":"x"}"#
        )
        #expect(error.code == "ValidationException")
        #expect(error.httpStatus == 400)
        #expect(
            error.message == "2 validation errors detected: "
                + "Value 'x' at 'role' failed to satisfy constraint: "
                + "Member must satisfy regular expression pattern: \(rolePattern); "
                + "Value null at 'code' failed to satisfy constraint: Member must not be null"
        )
    }

    @Test("an enumeration that its service judges is left alone")
    func judgedByService() throws {
        struct Size: StringEnumeration {
            let rawValue: String
            init(_ rawValue: String) { self.rawValue = rawValue }
            static let allValues = ["big", "small"]
        }
        var value: Size? = Size("huge")
        for (options, isBroken) in [(Field.Options(), true), (.judgedByService, false)] {
            let validator = Validator(ValidationStyle())
            try validator.enumeration(&value, Field("Size", options))
            #expect((validator.error != nil) == isBroken)
        }
    }

    @Test("an enumeration lists its values in the model's order")
    func enumeration() throws {
        let error = try message(
            .lambda,
            "CreateFunction",
            path: "/2015-03-31/functions",
            #"{"FunctionName":"f","Role":"arn:aws:iam::123456789012:role/r","Code":{},"PackageType":"Tar"}"#
        )
        #expect(
            error.message == "1 validation error detected: Value 'Tar' at 'packageType' failed to satisfy constraint: "
                + "Member must satisfy enum value set: [Zip, Image]"
        )
    }

    @Test("a bad element makes the whole list bad, with all that an element must be")
    func listElements() throws {
        let error = try message(
            .lambda,
            "CreateFunction",
            path: "/2015-03-31/functions",
            #"{"FunctionName":"f","Role":"arn:aws:iam::123456789012:role/r","Code":{},"Architectures":["x86"]}"#
        )
        #expect(
            error.message
                == "1 validation error detected: Value '[x86]' at 'architectures' failed to satisfy constraint: "
                + "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"
        )
    }

    @Test("a list that is too long is named with its elements")
    func listLength() throws {
        let error = try message(
            .lambda,
            "CreateFunction",
            path: "/2015-03-31/functions",
            #"{"FunctionName":"f","Role":"arn:aws:iam::123456789012:role/r","Code":{},"Architectures":["x86_64","arm64"]}"#
        )
        #expect(
            error.message
                == "1 validation error detected: Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: "
                + "Member must have length less than or equal to 1"
        )
    }

    @Test("numbers name the end of the range that they pass, in nested structures with their path")
    func ranges() throws {
        let error = try message(
            .lambda,
            "CreateFunction",
            path: "/2015-03-31/functions",
            #"{"FunctionName":"f","Role":"arn:aws:iam::123456789012:role/r","Code":{},"MemorySize":1,"EphemeralStorage":{"Size":1}}"#
        )
        #expect(
            error.message == "2 validation errors detected: Value '1' at 'memorySize' failed to satisfy constraint: "
                + "Member must have value greater than or equal to 128; "
                + "Value '1' at 'ephemeralStorage.size' failed to satisfy constraint: "
                + "Member must have value greater than or equal to 512"
        )
    }

    @Test("a sensitive value is not shown")
    func sensitive() throws {
        let error = try message(
            .lambda,
            "CreateFunction",
            path: "/2015-03-31/functions",
            #"{"FunctionName":"f","Role":"arn:aws:iam::123456789012:role/r","Code":{},"Environment":{"Variables":{"1":"secret"}}}"#
        )
        #expect(!error.message.contains("secret"))
        #expect(
            error.message.hasPrefix(
                "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: "
                    + "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+"
            )
        )
    }

    @Test("members in the path and the query are checked too")
    func places() throws {
        let error = try message(
            .lambda,
            "ListFunctions",
            path: "/2015-03-31/functions/",
            query: "MaxItems=0&FunctionVersion=NONE",
            method: "GET",
            ""
        )
        #expect(
            error.message == "2 validation errors detected: "
                + "Value 'NONE' at 'functionVersion' failed to satisfy constraint: Member must satisfy enum value set: [ALL]; "
                + "Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1"
        )
    }

    @Test("the pattern comes before the length, and a nested element has its index")
    func nested() throws {
        let error = try message(
            .logs,
            "PutLogEvents",
            #"{"logGroupName":"","logStreamName":"s","logEvents":[{"message":"m"}]}"#
        )
        #expect(
            error.message == "3 validation errors detected: Value '' at 'logGroupName' failed to satisfy constraint: "
                + #"Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+; "#
                + "Value '' at 'logGroupName' failed to satisfy constraint: Member must have length greater than or equal to 1; "
                + "Value null at 'logEvents.1.member.timestamp' failed to satisfy constraint: Member must not be null"
        )
    }

    @Test("the Query protocol calls it ValidationError")
    func query() throws {
        let error = try message(.sts, "AssumeRole", "Action=AssumeRole&RoleSessionName=a b")
        #expect(error.code == "ValidationError")
        #expect(
            error.message.hasPrefix(
                "2 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null; "
                    + "Value 'a b' at 'roleSessionName' failed to satisfy constraint: "
                    + "Member must satisfy regular expression pattern: "
            )
        )
    }

    @Test("a service may hide values and name the error its own way")
    func styles() throws {
        var text: String? = "too long"
        let hiding = Validator(ValidationStyle(code: "InvalidParameterException", showsValues: false))
        try hiding.string(&text, Field("RoleName", length: 1...4))
        #expect(
            hiding.error?.message == "1 validation error detected: Value at 'roleName' failed to satisfy constraint: "
                + "Member must have length less than or equal to 4"
        )
        #expect(hiding.error?.code == "InvalidParameterException")
    }

    @Test("lengths are counted in characters of Unicode, of blobs in bytes")
    func lengths() throws {
        let validator = Validator(ValidationStyle())
        var parrots: String? = "🦜🦜🦜🦜"
        try validator.string(&parrots, Field("S", length: 4...4))
        var accents: String? = "e\u{301}"
        try validator.string(&accents, Field("S", length: 2...2))
        var bytes: Blob? = Blob(string: "é")
        try validator.blob(&bytes, Field("B", length: 2...2))
        #expect(validator.error == nil)
    }

    @Test("a pattern must match the whole text, line ends included")
    func wholeMatch() throws {
        let validator = Validator(ValidationStyle())
        var text: String? = "abc\n"
        try validator.string(&text, Field("S", pattern: Pattern("[a-z]+")))
        #expect(validator.error != nil)
    }

    @Test("more violations than anybody reads are cut off, and long values too")
    func limits() throws {
        let events = Array(repeating: "{}", count: 2_000).joined(separator: ",")
        let error = try message(
            .logs,
            "PutLogEvents",
            #"{"logGroupName":"g","logStreamName":"s","logEvents":[\#(events)]}"#
        )
        #expect(error.message.hasPrefix("\(Validator.maximumViolations) validation errors detected: "))
        let long = String(repeating: "!", count: 1_000_000)
        let other = try message(
            .logs,
            "PutLogEvents",
            #"{"logGroupName":"\#(long)","logStreamName":"s","logEvents":[]}"#
        )
        #expect(other.message.utf8.count < 50_000)
    }

    @Test("a pattern that cannot be compiled checks nothing")
    func brokenPattern() throws {
        let validator = Validator(ValidationStyle())
        var text: String? = "abc"
        try validator.string(&text, Field("S", pattern: Pattern("(")))
        #expect(validator.error == nil)
    }
}

@Suite("JSON of the wrong type")
struct JSONMismatchTests {
    @Test(
        "is a SerializationException in AWS's words",
        arguments: [
            (#"{"logGroupName":1}"#, "NUMBER_VALUE can not be converted to a String"),
            (#"{"logGroupName":true}"#, "TRUE_VALUE can not be converted to a String"),
            (#"{"logGroupName":[]}"#, "Start of list found where not expected"),
            (#"{"logGroupName":{}}"#, "Start of structure or map found where not expected."),
            (#"{"limit":"1"}"#, "STRING_VALUE can not be converted to an Integer"),
            (#"{"limit":1e99}"#, "NUMBER_VALUE can not be converted to an Integer"),
            (#"{"startFromHead":1}"#, "NUMBER_VALUE can not be converted to a Boolean"),
            ("[]", "Start of list found where not expected"),
        ]
    )
    func types(body: String, message: String) throws {
        let error = try #require(throws: CommonError.self) { try read(body) }
        #expect(error.code == "SerializationException")
        #expect(error.message == message)
    }

    @Test("and text that is no JSON at all is one too")
    func syntax() throws {
        let error = try #require(throws: CommonError.self) { try read("{") }
        #expect(error.code == "SerializationException")
    }

    @Test("null is absent, a fraction is cut off, and unknown members are ignored")
    func lenience() throws {
        let shape = try read(
            #"{"logGroupName":"g","logStreamName":"s","nextToken":null,"limit":7.9,"unknown":{"a":[]}}"#
        )
        #expect(try dump(shape) == #"{"logGroupName":"g","logStreamName":"s","limit":7}"#)
    }

    @Test("members are found among any number of others, and the last of repeated ones counts")
    func manyMembers() throws {
        let others = (0..<2_000).map { "\"m\($0)\":\($0)" }.joined(separator: ",")
        let body = #"{"logGroupName":"a","logStreamName":"s",\#(others),"logGroupName":"g"}"#
        #expect(try dump(read(body)) == #"{"logGroupName":"g","logStreamName":"s"}"#)
        #expect(
            try dump(read(#"{"logGroupName":"a","logStreamName":"s","logGroupName":"g"}"#))
                == #"{"logGroupName":"g","logStreamName":"s"}"#
        )
    }

    private func read(_ body: String) throws -> any Shape {
        let service = WireService.logs
        let request = WireRequest(method: "POST", path: "/", body: .buffer(ByteBuffer(string: body)))
        return try service.model.codec(.json11).readInput(of: service.operation("GetLogEvents"), from: request)
    }
}
