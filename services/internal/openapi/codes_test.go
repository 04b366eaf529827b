package openapi_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The codes stand where a fault is made, as a literal: these are the functions
// and members that take one, and which argument it is.
var (
	takers = map[string]int{"New": 1, "Wrap": 2, "tooMany": 0}
	// wrong are those of the entries of errors.
	wrongTakers = map[string]int{"InvalidField": 1, "BadParameter": 1}
)

func TestTheDocumentHasEveryCodeAndNoOther(t *testing.T) {
	c := checker(t)
	problems, wrong := codesInSource(t)
	problems = append(problems, codesOfNginx(t)...)
	require.Equal(t, sorted(problems), sorted(texts(c.Schema("Problem").Properties["code"].Value.Enum)))
	require.Equal(t, sorted(wrong), sorted(texts(c.Schema("Wrong").Properties["code"].Value.Enum)))
	require.Equal(t, sorted(problems), c.Codes(), "each code belongs to some answer")
}

// codesInSource reads the code of the API for the codes of faults and of their fields.
func codesInSource(t *testing.T) (problems, wrong []string) {
	t.Helper()
	inspect(t, []string{"app", "web", "users", "sessions", "products", "purchases", "redisdb", "fault", "idempotency"}, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			problems = append(problems, argument(n, takers)...)
			wrong = append(wrong, argument(n, wrongTakers)...)
		case *ast.CompositeLit:
			if code := memberCode(n); code != "" && named(n.Type) == "Field" {
				wrong = append(wrong, code)
			} else if code != "" {
				problems = append(problems, code)
			}
		case *ast.FuncDecl:
			if n.Name.Name == "explain" {
				wrong = append(wrong, returned(n)...)
				return false
			}
		}
		return true
	})
	return problems, wrong
}

// inspect walks the syntax of packages, without their tests.
func inspect(t *testing.T, packages []string, visit func(ast.Node) bool) {
	t.Helper()
	for _, folder := range packages {
		files, err := filepath.Glob(filepath.Join("..", folder, "*.go"))
		require.NoError(t, err)
		for _, path := range files {
			if !strings.HasSuffix(path, "_test.go") {
				file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
				require.NoError(t, err)
				ast.Inspect(file, visit)
			}
		}
	}
}

func TestTheDocumentHasEveryFilterOfAList(t *testing.T) {
	c := checker(t)
	for _, resource := range []string{"users", "products", "purchases"} {
		filters := []string{"cursor", "limit"}
		inspect(t, []string{resource}, func(n ast.Node) bool {
			if call, isCall := n.(*ast.CallExpr); isCall && named(call.Fun) == "Query" {
				for _, arg := range call.Args[1:] {
					text, err := strconv.Unquote(arg.(*ast.BasicLit).Value) //nolint:forcetypeassert // filters are literals
					require.NoError(t, err)
					filters = append(filters, text)
				}
			}
			return true
		})
		require.Equal(t, sorted(filters), c.Filters("/v1/"+resource))
	}
}

// argument gives the literal that a call of one of the takers passes as its code.
func argument(call *ast.CallExpr, takers map[string]int) []string {
	at, takes := takers[named(call.Fun)]
	if !takes || at >= len(call.Args) {
		return nil
	}
	if code := literal(call.Args[at]); code != "" {
		return []string{code}
	}
	return nil
}

// memberCode gives the literal of a composite literal's member Code.
func memberCode(c *ast.CompositeLit) string {
	if name := named(c.Type); name != "Field" && name != "Error" {
		return ""
	}
	for _, element := range c.Elts {
		if pair, isPair := element.(*ast.KeyValueExpr); isPair && named(pair.Key) == "Code" {
			return literal(pair.Value)
		}
	}
	return ""
}

// returned gives the first literal of each return of a function.
func returned(f *ast.FuncDecl) (codes []string) {
	ast.Inspect(f, func(n ast.Node) bool {
		if r, isReturn := n.(*ast.ReturnStmt); isReturn && len(r.Results) > 0 {
			codes = append(codes, literal(r.Results[0]))
		}
		return true
	})
	return codes
}

func named(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// codeShape keeps other functions' literals out, such as errors.New's texts.
var codeShape = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func literal(e ast.Expr) string {
	basic, isLiteral := e.(*ast.BasicLit)
	if !isLiteral || basic.Kind != token.STRING {
		return ""
	}
	text, err := strconv.Unquote(basic.Value)
	if err != nil || !codeShape.MatchString(text) {
		return ""
	}
	return text
}

// codesOfNginx reads the codes of the problems that nginx makes itself.
func codesOfNginx(t *testing.T) (codes []string) {
	t.Helper()
	text, err := fs.ReadFile(os.DirFS("../../../nginx"), "problems.conf.template")
	require.NoError(t, err)
	for _, variable := range []string{"problem_code", "lost_code", "limit_code"} {
		table := regexp.MustCompile(`(?s)map (?:"[^"]*"|\S+) \$` + variable + ` \{(.*?)\}`).FindSubmatch(text)
		require.NotNil(t, table, variable)
		for _, row := range regexp.MustCompile(`\S+ ([a-z-]+);`).FindAllSubmatch(table[1], -1) {
			codes = append(codes, string(row[1]))
		}
	}
	return codes
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

func texts(list []any) (all []string) {
	for _, value := range list {
		text, _ := value.(string)
		all = append(all, text)
	}
	return all
}
