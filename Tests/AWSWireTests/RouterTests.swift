import HTTPTypes
import MartletCore
import NIOCore
import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import AWSWire

@Suite("A service's router")
struct RouterTests {
    private func name(_ service: WireService, _ request: WireRequest) throws -> String {
        let router = service.router
        return try router.operation(for: request, speaking: router.codec(for: request)).name
    }

    @Test(
        "finds REST operations by method and path",
        arguments: [
            ("GET", "/2015-03-31/functions/", "", "ListFunctions"),
            ("GET", "/2015-03-31/functions", "MaxItems=3", "ListFunctions"),
            ("POST", "/2015-03-31/functions", "", "CreateFunction"),
            ("GET", "/2015-03-31/functions/f", "Qualifier=1", "GetFunction"),
            ("DELETE", "/2015-03-31/functions/f", "", "DeleteFunction"),
            ("POST", "/2015-03-31/functions/f/invocations", "", "Invoke"),
            (
                "POST", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A1%3Afunction%3Af/invocations", "",
                "Invoke"
            ),
            ("GET", "/2018-10-31/layers", "find=LayerVersion&Arn=a", "GetLayerVersionByArn"),
            ("GET", "/2018-10-31/layers", "", "ListLayers"),
        ]
    )
    func rest(method: String, path: String, query: String, expected: String) throws {
        #expect(try name(.lambda, WireRequest(method: method, path: path, query: query)) == expected)
    }

    @Test("answers 501 with the name for what AWS has and Martlet has not")
    func unimplemented() throws {
        let missing = try #require(WireService.lambda.model.unimplemented.first)
        let path = missing.path.split(separator: "/").map { $0.hasPrefix("{") ? "x" : $0 }.joined(separator: "/")
        let error = try #require(throws: CommonError.self) {
            try name(.lambda, WireRequest(method: missing.method, path: "/" + path))
        }
        #expect(error.httpStatus == 501)
        #expect(error.message.contains("lambda:\(missing.name)"))
    }

    @Test("every unimplemented REST operation is found by its own path and query")
    func allUnimplemented() throws {
        for missing in WireService.lambda.model.unimplemented {
            let template = PathTemplate(missing.path)
            let path = template.segments.map { if case .literal(let text) = $0 { text } else { "x" } }.joined(
                separator: "/"
            )
            let query = template.fixedQuery.map { "\($0.name)=\($0.value ?? "")" }.joined(separator: "&")
            let error = try #require(throws: CommonError.self) {
                try name(.lambda, WireRequest(method: missing.method, path: "/" + path, query: query))
            }
            #expect(error.message.contains(":\(missing.name) "), "\(missing.name)")
        }
    }

    @Test(
        "answers AWS's error for an unknown path",
        arguments: [
            "/", "", "//", "/2015-03-31/nothing", "/2015-03-31/functions//invocations", "/%zz",
            "/2015-03-31/functions/a/b/c/d",
        ]
    )
    func unknownPath(path: String) throws {
        let error = try #require(throws: CommonError.self) {
            try name(.lambda, WireRequest(method: "POST", path: path))
        }
        #expect(error.code == "UnknownOperationException")
        #expect(error.httpStatus == 404)
    }

    private func target(_ target: String) -> WireRequest {
        var request = WireRequest(method: "POST", path: "/")
        request.headers[.amzTarget] = target
        request.headers[.contentType] = "application/x-amz-json-1.1"
        return request
    }

    @Test("finds JSON operations by their target")
    func targets() throws {
        #expect(try name(.logs, target("Logs_20140328.PutLogEvents")) == "PutLogEvents")
        for wrong in ["Logs_20140328.Nothing", "PutLogEvents", "Other.PutLogEvents", ".", "Logs_20140328."] {
            let error = try #require(throws: CommonError.self) { try name(.logs, target(wrong)) }
            #expect(error.code == "UnknownOperationException", "\(wrong)")
        }
        let error = try #require(throws: CommonError.self) { try name(.logs, target("Logs_20140328.CreateExportTask")) }
        #expect(error.httpStatus == 501)
    }

    private func form(_ body: String) -> WireRequest {
        var request = WireRequest(method: "POST", path: "/", body: .buffer(ByteBuffer(string: body)))
        request.headers[.contentType] = "application/x-www-form-urlencoded; charset=utf-8"
        return request
    }

    @Test("finds Query operations by their action, in the body or the query string")
    func actions() throws {
        #expect(try name(.sts, form("Version=2011-06-15&Action=GetCallerIdentity")) == "GetCallerIdentity")
        #expect(
            try name(.sts, WireRequest(method: "GET", path: "/", query: "Action=GetCallerIdentity"))
                == "GetCallerIdentity"
        )
        let unknown = try #require(throws: CommonError.self) { try name(.sts, form("Action=Fly&Version=2011-06-15")) }
        #expect(unknown.code == "InvalidAction")
        #expect(unknown.message == "Could not find operation Fly for version 2011-06-15")
        let missing = try #require(throws: CommonError.self) { try name(.sts, form("Action=AssumeRoot")) }
        #expect(missing.httpStatus == 501)
        let none = try #require(throws: CommonError.self) { try name(.sts, form("")) }
        #expect(none.code == "MissingAction")
    }

    @Test("always has a codec to answer with")
    func codec() {
        let stranger = WireRequest(method: "PATCH", path: "/%%%")
        #expect(WireService.sts.router.codec(for: stranger).wireProtocol == .query)
        #expect(WireService.logs.router.codec(for: stranger).wireProtocol == .json11)
        #expect(WireService.lambda.router.codec(for: stranger).wireProtocol == .restJSON)
    }
}

@Suite("A path template")
struct PathTemplateTests {
    private func match(_ template: String, _ path: String) -> [String: String]? {
        PathTemplate(template).match(PathTemplate.split(path))
    }

    @Test("takes one segment for a label, still encoded")
    func labels() {
        #expect(match("/a/{x}/b", "/a/1%2F2/b") == ["x": "1%2F2"])
        #expect(match("/a/{x}/b", "/a//b") == nil)
        #expect(match("/a/{x}/b", "/a/1/c") == nil)
        #expect(match("/a/{x}", "/a/1/") == ["x": "1"])
    }

    @Test("takes slashes for a greedy label, one at the end too")
    func greedy() {
        #expect(match("/{Bucket}/{Key+}", "/b/k/l/") == ["Bucket": "b", "Key": "k/l/"])
        #expect(match("/{Bucket}/{Key+}", "/b") == nil)
        #expect(match("/{Bucket}/{Key+}", "/b/") == nil)
        #expect(match("/x/{Key+}/tags", "/x/a/b/tags") == ["Key": "a/b"])
    }

    @Test("that is more specific comes first")
    func order() {
        let sorted = ["/{a+}", "/x/{a}", "/x/y", "/x/y?z", "/{a}/y"].map { PathTemplate($0) }
            .sorted(by: PathTemplate.isMoreSpecific)
        #expect(sorted.map { $0.segments.count * 10 + $0.fixedQuery.count } == [21, 20, 20, 20, 10])
        #expect(sorted.last?.segments == [.greedy("a")])
    }

    @Test("is filled in with encoded values")
    func filling() {
        #expect(PathTemplate("/f/{n}/i").filled(with: ["n": "a:b/c é"]) == "/f/a%3Ab%2Fc%20%C3%A9/i")
        #expect(PathTemplate("/{b}/{k+}").filled(with: ["b": "x", "k": "a/b c"]) == "/x/a/b%20c")
        #expect(PathTemplate("/f/{n}").filled(with: ["n": ""]) == nil)
        #expect(PathTemplate("/").filled(with: [:]) == "/")
    }
}
